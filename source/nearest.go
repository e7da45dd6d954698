package source

import "strings"

// Nearest is the known name that was probably meant, "" where none is close: at most a third of it differs.
func Nearest(name string, known []string) string {
	best, dist := "", 0
	for _, k := range known {
		limit := max(1, max(len(name), len(k))/3)
		d := distance(strings.ToLower(name), strings.ToLower(k))
		if d <= limit && (best == "" || d < dist || d == dist && k < best) {
			best, dist = k, d
		}
	}
	return best
}

// distance is the optimal string alignment distance: insert, delete, replace or swap neighbours, each for 1.
func distance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			d := min(rows[i-1][j], rows[i][j-1]) + 1
			if a[i-1] == b[j-1] {
				d = min(d, rows[i-1][j-1])
			} else {
				d = min(d, rows[i-1][j-1]+1)
			}
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d = min(d, rows[i-2][j-2]+1)
			}
			rows[i][j] = d
		}
	}
	return rows[len(a)][len(b)]
}

// Suggest says what to do about an unknown name.
func Suggest(name string, known []string) string {
	if len(name) <= 64 { // a longer one is no slip of the finger, and distance costs its square
		if n := Nearest(name, known); n != "" {
			return "did you mean " + n + "?"
		}
	}
	if len(known) == 0 {
		return "remove it"
	}
	return "use one of " + strings.Join(known, ", ")
}
