package telegram

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"leadline"
)

// acts are the actions as they stand in callback_data, which has 64 bytes.
var acts = map[string]leadline.Action{"ack": leadline.ActionAck, "res": leadline.ActionResolve}

type button struct {
	Text string `json:"text"`
	Data string `json:"callback_data"`
}

// keyboard is the reply_markup for an incident in a chat, "" for no buttons.
func (c *Client) keyboard(chat int64, in leadline.Incident) string {
	var row []button
	add := func(text, act string) {
		row = append(row, button{Text: text, Data: c.data(chat, act, in.ID, in.Revision)})
	}
	switch in.State {
	case leadline.IncidentOpen:
		add("✋ Ack", "ack")
		add("✅ Resolve", "res")
	case leadline.IncidentAcked:
		add("✅ Resolve", "res")
	case leadline.IncidentResolved:
		return ""
	}
	b, err := json.Marshal(map[string]any{"inline_keyboard": [][]button{row}})
	if err != nil {
		panic("BUG: telegram: " + err.Error())
	}
	return string(b)
}

// data is v1:<act>:<incident base36>:<revision base36>:<mac>, at most 44 bytes.
func (c *Client) data(chat int64, act string, incident, revision int64) string {
	body := fmt.Sprintf("v1:%s:%s:%s", act, strconv.FormatInt(incident, 36), strconv.FormatInt(revision, 36))
	return body + ":" + c.mac(chat, body)
}

// mac is 48 bits: a forger who may try once a second needs millions of years.
func (c *Client) mac(chat int64, body string) string {
	h := hmac.New(sha256.New, c.secret)
	h.Write(fmt.Appendf(nil, "leadline button %d %s", chat, body))
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:6])
}

var errForged = errors.New("not a button of this bot for this chat")

// press reads callback_data that came out of a chat.
func (c *Client) press(chat int64, data string) (leadline.Press, error) {
	end := strings.LastIndexByte(data, ':')
	if end < 0 || !hmac.Equal([]byte(data[end+1:]), []byte(c.mac(chat, data[:end]))) {
		return leadline.Press{}, errForged
	}
	var version, act, incident, revision string
	for i, part := range strings.SplitN(data[:end], ":", 4) {
		*[]*string{&version, &act, &incident, &revision}[i] = part
	}
	id, err1 := strconv.ParseInt(incident, 36, 64)
	rev, err2 := strconv.ParseInt(revision, 36, 64)
	action, known := acts[act]
	if version != "v1" || !known || err1 != nil || err2 != nil {
		return leadline.Press{}, errForged
	}
	return leadline.Press{Chat: chat, Incident: id, Revision: rev, Action: action}, nil
}
