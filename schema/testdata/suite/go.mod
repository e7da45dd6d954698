// The official JSON Schema test suite comes inside this module; it is data for a test, nothing of it is built.
module suite

go 1.26.0

require cuelang.org/go v0.17.1
