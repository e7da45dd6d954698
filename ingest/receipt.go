package ingest

import (
	"strings"

	"leadline"
)

// receipt counts the verdicts, after the spool has said which records are duplicates.
func (d *decoder) receipt() leadline.Receipt {
	var receipt leadline.Receipt
	special := d.req.Itemize // something to tell about single items
	for i := range d.verdicts {
		v := &d.verdicts[i]
		if v.record >= 0 && d.records[v.record].Duplicate {
			v.result = leadline.ResultDuplicate
		}
		special = special || v.result != leadline.ResultOK
		switch v.result {
		case leadline.ResultDuplicate:
			receipt.Duplicates++
		case leadline.ResultDrop:
			receipt.Rejected++
		default:
			receipt.Accepted++
		}
	}
	if special {
		receipt.Items = d.items()
	}
	return receipt
}

// items writes the verdicts out.
func (d *decoder) items() []leadline.Item {
	out := make([]leadline.Item, len(d.verdicts))
	ids := string(d.ids) // one copy for all
	from := 0
	for i, v := range d.verdicts {
		out[i] = leadline.Item{Index: i, ID: ids[from:v.id], Result: v.result, Code: v.code, Violations: v.violations}
		from = v.id
		switch v.result {
		case leadline.ResultWarning:
			out[i].Code, out[i].Detail = v.warnings[0], remarks(v.warnings)
		case leadline.ResultDrop:
			out[i].Detail = complaint(v)
		case leadline.ResultOK, leadline.ResultDuplicate, leadline.ResultRetry:
		}
	}
	return out
}

// remarks are the warnings in words.
func remarks(codes []string) string {
	if len(codes) == 1 {
		return details[codes[0]]
	}
	all := make([]string, len(codes))
	for i, c := range codes {
		all[i] = c + ": " + details[c]
	}
	return strings.Join(all, "; ")
}

// complaint is what the code means, and the first violation.
func complaint(v verdict) string {
	first := v.violations[0]
	s := details[v.code] + ": "
	if v.code == CodeInvalidJSON {
		return s + first.Got
	}
	if first.Pointer != "" {
		s += first.Pointer + ": "
	}
	s += "expected " + first.Expected
	if first.Got != "" {
		s += ", got " + first.Got
	}
	if first.Nearest != "" {
		s += ", did you mean " + first.Nearest + "?"
	}
	return s
}
