// Package limit says how much each partner may send: events and bytes a second with a burst, requests at once, events
// a day. It knows neither HTTP nor the spool, and it keeps its own clock out: every call is given the time.
package limit
