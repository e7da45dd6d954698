package store

import (
	"errors"
	"slices"

	"github.com/ClickHouse/ch-go"
	"github.com/ClickHouse/ch-go/proto"
)

// permanent lists ClickHouse's errors that say that the data itself is at fault.
var permanent = []proto.Error{
	proto.ErrCannotParseText,
	proto.ErrTypeMismatch,
	proto.ErrCannotConvertType,
	proto.ErrIncorrectData,
	proto.ErrTooLargeStringSize,
	proto.ErrTooLargeArraySize,
	proto.ErrSizesOfArraysDontMatch,
	proto.ErrValueIsOutOfRangeOfDataType,
	proto.ErrViolatedConstraint,
}

// Permanent reports whether an error of Write says that the same batch can never be stored: ClickHouse refuses the data
// itself. Everything else is worth another try: network, authentication, a server that is busy, out of memory, read-only
// or without the tables yet, a context that ended. What is not known counts as worth another try, because the other
// mistake loses data.
func Permanent(err error) bool {
	var e *ch.Exception
	return errors.As(err, &e) && slices.Contains(permanent, e.Code)
}
