-- Hours: summed up by Leadline out of latency_1m once they are over, no longer written by every batch beside its minutes.
--
-- That was half of what the rollups cost ClickHouse, for rows that are as many by hour as by minute in a batch. What the
-- running hour has so far is not whole then: it goes, and comes again out of its minutes.

ALTER TABLE latency_1h{local} {on_cluster}
    DELETE WHERE hour >= toStartOfHour(now('UTC'))
    SETTINGS mutations_sync = 2, allow_nondeterministic_mutations = 1;

ALTER TABLE latency_1h{local} {on_cluster}
    MODIFY COMMENT 'How long each stage took, by hour, partner and campaign, as histograms: latency_1m summed up, from two minutes after the hour on';
