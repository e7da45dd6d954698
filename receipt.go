package leadline

// Result is a machine's verdict on one item of a request.
type Result string

// The verdicts. Only ResultRetry asks the sender to send the item again.
const (
	ResultOK        Result = "ok"        // durable
	ResultDuplicate Result = "duplicate" // was durable already
	ResultWarning   Result = "warning"   // durable, with a remark
	ResultDrop      Result = "drop"      // kept among the rejected only; sending it again cannot help
	ResultRetry     Result = "retry"     // not kept; send it again after Retry-After
)

// Item is the verdict on one item of a request.
type Item struct {
	Index      int         `json:"index"`
	ID         string      `json:"id,omitempty"`
	Result     Result      `json:"result"`
	Code       string      `json:"code,omitempty"`
	Detail     string      `json:"detail,omitempty"`
	Violations []Violation `json:"violations,omitempty"`
}

// Receipt answers a request: every item of it is durable, a duplicate, or named here with what to do.
type Receipt struct {
	Accepted   int    `json:"accepted"` // ok and warning
	Duplicates int    `json:"duplicates"`
	Rejected   int    `json:"rejected"` // drop
	Retry      int    `json:"retry,omitempty"`
	Items      []Item `json:"results,omitempty"` // in the request's order; none where all are plainly ok
	Stored     bool   `json:"-"`                 // ClickHouse has all that it counts as accepted; only for a request that waited
}
