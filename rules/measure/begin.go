package measure

import "time"

// resolved are the asks with every window that begins at a moment of its own, such as the first of the month, as a window
// of the length that it has at end. of finds them by the original; it is nil where nothing had to be changed.
func resolved(asks []*Ask, end time.Time) (out []*Ask, of map[*Ask]*Ask) {
	for i, a := range asks {
		r := a.resolved(end)
		if r == a {
			continue
		}
		if of == nil {
			out, of = append([]*Ask(nil), asks...), map[*Ask]*Ask{}
		}
		out[i], of[a] = r, r
	}
	if of == nil {
		return asks, nil
	}
	return out, of
}

func (a *Ask) resolved(end time.Time) *Ask {
	var r *Ask
	for i := range a.Measures {
		if a.Measures[i].Begin == nil {
			continue
		}
		if r == nil {
			copied := *a
			copied.Measures = append([]Measure(nil), a.Measures...)
			r = &copied
		}
		m := &r.Measures[i]
		length := end.Truncate(time.Minute).Sub(m.Begin(end).Truncate(time.Minute))
		m.Window, m.Begin, m.fleeting = min(m.Window, max(length, time.Minute)), nil, true
	}
	if r == nil {
		return a
	}
	return r
}
