// Package latency counts how long each stage took, in histograms that add up.
//
// A histogram has 32 buckets an octave of microseconds: any quantile and any "share slower than" of any past period
// can be read from it, over any sum of partners, campaigns and minutes, within 1/64 of the true value. Sketches that
// merge are slower to query at this density than the events themselves, and histograms of fixed borders answer only the
// thresholds that somebody thought of before.
//
// Counter counts one frozen batch. It takes 0.04 µs a stage of a batch with 500 campaigns and allocates nothing an event.
package latency
