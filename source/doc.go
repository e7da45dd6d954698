// Package source reads the texts that people write: YAML documents and the expr-lang conditions inside them. Whatever
// is wrong is reported all at once as `file:line:col: what: what to do` with the line and a caret under the place.
//
// Place in the flow: rules, oncall, ingest and app declare typed structs and hand them a Document:
//
//	docs, err := source.Documents("rules/intake.yaml", data)
//	for _, d := range docs {
//		meta, errs := d.Spec(&spec)         // strict: unknown, doubled, missing, wrong type
//	}
//	program, errs := spec.When.Compile(env{}, source.Bool)
//	yes, err := program.Bool(env{P95: 640})
//
// Fields are named by the tag `yaml:"name"` (with ",required" where they must be given); a struct keeps what it held
// before for fields that are not given, so defaults are set first. At[T] is a value that knows its place, Map[T] an
// ordered mapping, Expr a condition. Types with UnmarshalText are scalars.
package source
