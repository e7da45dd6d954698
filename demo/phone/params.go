package phone

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"
)

// params are a request's parameters, from the query string and a form, multipart or JSON body.
type params map[string]param

// A param is a parameter's text; a JSON string's text is what it stands for, any other JSON value's is its source.
type param struct {
	text string
	kind kind
}

// kind is how a parameter was written. Every value of a form is a string.
type kind int

const (
	kindString kind = iota
	kindNumber
	kindBool
	kindObject
)

const maxBody = 1 << 20

func readParams(r *http.Request) (params, *apiError) {
	given := params{}
	given.addForm(r.URL.Query())
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxBody))
	if err != nil {
		return given, &apiError{code: 413, text: "Request Entity Too Large"}
	}
	if len(body) == 0 {
		return given, given.validUTF8()
	}
	mediaType, media, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return given, badRequest("a body needs a Content-Type: %v", err)
	}
	switch mediaType {
	case "application/x-www-form-urlencoded":
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return given, badRequest("can't parse the form: %v", err)
		}
		given.addForm(form)
	case "multipart/form-data":
		if err := given.addMultipart(multipart.NewReader(bytes.NewReader(body), media["boundary"])); err != nil {
			return given, badRequest("can't parse the multipart form: %v", err)
		}
	case "application/json":
		if err := given.addJSON(body); err != nil {
			return given, badRequest("can't parse JSON object")
		}
	default:
		return given, badRequest("unsupported Content-Type %q", mediaType)
	}
	return given, given.validUTF8()
}

func (ps params) addForm(form url.Values) {
	for k, v := range form {
		ps[k] = param{text: v[len(v)-1]}
	}
}

func (ps params) addMultipart(r *multipart.Reader) error {
	for {
		part, err := r.NextPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		text, err := io.ReadAll(part)
		if err != nil {
			return err
		}
		ps[part.FormName()] = param{text: string(text)}
	}
}

func (ps params) addJSON(body []byte) error {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(body, &object); err != nil {
		return err
	}
	for k, raw := range object {
		switch raw[0] {
		case '"':
			var s string
			if err := json.Unmarshal(raw, &s); err != nil {
				return err
			}
			ps[k] = param{text: s}
		case '{', '[':
			ps[k] = param{text: string(raw), kind: kindObject}
		case 't', 'f':
			ps[k] = param{text: string(raw), kind: kindBool}
		case 'n': // null is as good as absent
		default:
			ps[k] = param{text: string(raw), kind: kindNumber}
		}
	}
	return nil
}

func (ps params) validUTF8() *apiError {
	for _, v := range ps {
		if !utf8.ValidString(v.text) {
			return badRequest("strings must be encoded in UTF-8")
		}
	}
	return nil
}

func (ps params) text(name string) string { return ps[name].text }

// integer is a parameter that check has accepted, or 0.
func (ps params) integer(name string) int64 {
	n, _ := strconv.ParseInt(ps[name].text, 10, 64)
	return n
}

func (ps params) boolean(name string) bool {
	t := strings.ToLower(ps[name].text)
	return t == "true" || t == "1"
}
