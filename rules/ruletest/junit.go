package ruletest

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"

	"leadline/source"
)

// The shapes of JUnit's XML, as far as Jenkins, GitLab and GitHub read them.
type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Name     string       `xml:"name,attr"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Errors   int          `xml:"errors,attr"`
		Time     seconds      `xml:"time,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		File     string      `xml:"file,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Time     seconds     `xml:"time,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Name      string        `xml:"name,attr"`
		ClassName string        `xml:"classname,attr"`
		File      string        `xml:"file,attr"`
		Time      seconds       `xml:"time,attr"`
		Failure   *junitProblem `xml:"failure"`
		Error     *junitProblem `xml:"error"`
	}
	junitProblem struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",cdata"`
	}
	seconds float64
)

// MarshalXMLAttr writes seconds with milliseconds.
func (s seconds) MarshalXMLAttr(name xml.Name) (xml.Attr, error) {
	return xml.Attr{Name: name, Value: fmt.Sprintf("%.3f", float64(s))}, nil
}

// WriteJUnit writes results, and the mistakes of documents that could not run, as JUnit XML.
func WriteJUnit(w io.Writer, results []Result, mistakes source.Errors) error {
	all := junitSuites{Name: "leadline test"}
	var took time.Duration
	times := map[string]time.Duration{}
	for _, r := range results {
		c := junitCase{Name: r.Test, ClassName: r.Suite, File: r.File, Time: seconds(r.Took.Seconds())}
		if len(r.Failures) > 0 {
			var texts []string
			for _, f := range r.Failures {
				texts = append(texts, f.Text())
			}
			c.Failure = &junitProblem{r.Failures[0].What, plainText(strings.Join(texts, "\n"))}
		}
		all.suite(r.Suite, r.File).add(c)
		took += r.Took
		times[r.File+"\x00"+r.Suite] += r.Took
	}
	for _, m := range mistakes.Sorted() {
		all.suite(m.File, m.File).add(junitCase{
			Name: fmt.Sprintf("line %d", m.Line), ClassName: m.File, File: m.File,
			Error: &junitProblem{m.What, plainText(m.Error() + "\n" + m.Snippet)},
		})
	}
	for i := range all.Suites {
		s := &all.Suites[i]
		s.Time = seconds(times[s.File+"\x00"+s.Name].Seconds())
		all.Tests, all.Failures, all.Errors = all.Tests+s.Tests, all.Failures+s.Failures, all.Errors+s.Errors
	}
	all.Time = seconds(took.Seconds())
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(all); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func (s *junitSuites) suite(name, file string) *junitSuite {
	for i := range s.Suites {
		if s.Suites[i].Name == name && s.Suites[i].File == file {
			return &s.Suites[i]
		}
	}
	s.Suites = append(s.Suites, junitSuite{Name: name, File: file})
	return &s.Suites[len(s.Suites)-1]
}

func (s *junitSuite) add(c junitCase) {
	s.Cases = append(s.Cases, c)
	s.Tests++
	if c.Failure != nil {
		s.Failures++
	}
	if c.Error != nil {
		s.Errors++
	}
}

// plainText is a text without the characters that XML 1.0 has no way to write.
func plainText(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 && r != '\n' && r != '\t' || r == 0xFFFE || r == 0xFFFF {
			return '\uFFFD'
		}
		return r
	}, s)
}
