package phone

import (
	"encoding/json"
	"slices"
	"strings"
)

// Button is one button of an inline keyboard. Exactly one of Data and URL is set.
type Button struct {
	Text string `json:"text"`
	Data string `json:"callback_data,omitempty"`
	URL  string `json:"url,omitempty"`
}

const (
	maxButtons = 100
	maxData    = 64 // bytes
)

// actions are the fields of an InlineKeyboardButton of which exactly one is given.
var actions = []string{
	"url", "callback_data", "web_app", "login_url", "switch_inline_query", "switch_inline_query_current_chat",
	"switch_inline_query_chosen_chat", "copy_text", "callback_game", "pay",
}

// emptyActions are what clients write that leave nothing out, such as go-telegram/bot 1.19; Telegram passes over them.
var emptyActions = []string{`url ""`, `callback_data ""`, `copy_text {"text":""}`, "pay false"}

// parseKeyboard reads a reply_markup; "" means no keyboard.
func parseKeyboard(text string) ([][]Button, *apiError) {
	if text == "" {
		return nil, nil
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &object); err != nil {
		return nil, badRequest("can't parse reply keyboard markup JSON object")
	}
	raw, ok := object["inline_keyboard"]
	if !ok {
		return nil, notModelled("a reply_markup other than inline_keyboard")
	}
	if len(object) > 1 {
		return nil, badRequest("an inline keyboard has the field inline_keyboard only (Telegram would ignore others)")
	}
	var rows [][]map[string]json.RawMessage
	if err := json.Unmarshal(raw, &rows); err != nil {
		return nil, badRequest("field \"inline_keyboard\" must be of type Array of Array")
	}
	var out [][]Button
	count := 0
	for _, row := range rows {
		var line []Button
		for _, fields := range row {
			b, err := parseButton(fields)
			if err != nil {
				return nil, err
			}
			line = append(line, b)
		}
		if count += len(line); count > maxButtons {
			return nil, badRequest("reply markup is too long")
		}
		if len(line) > 0 {
			out = append(out, line)
		}
	}
	return out, nil
}

func parseButton(fields map[string]json.RawMessage) (Button, *apiError) {
	text := func(name string) (string, *apiError) {
		var s string
		if err := json.Unmarshal(fields[name], &s); err != nil {
			return "", badRequest("can't parse inline keyboard button: Field \"%s\" must be of type String", name)
		}
		return s, nil
	}
	var b Button
	var err *apiError
	if _, ok := fields["text"]; !ok {
		return b, badRequest("can't parse inline keyboard button: Can't find field \"text\"")
	}
	if b.Text, err = text("text"); err != nil {
		return b, err
	}
	if strings.TrimSpace(b.Text) == "" {
		return b, badRequest("can't parse inline keyboard button: inline keyboard button text must be non-empty")
	}
	var action []string
	for name, value := range fields {
		switch {
		case slices.Contains(emptyActions, name+" "+string(value)):
			// passed over
		case slices.Contains(actions, name):
			action = append(action, name)
		case !slices.Contains([]string{"text", "style", "icon_custom_emoji_id"}, name):
			return b, badRequest("an inline keyboard button has no field %q (Telegram would ignore it)", name)
		}
	}
	const plain = "can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard"
	if len(action) == 0 {
		return b, badRequest(plain)
	}
	if len(action) > 1 {
		return b, badRequest("can't parse inline keyboard button: exactly one action a button, not %d (Telegram would take one)", len(action))
	}
	switch action[0] {
	case "callback_data":
		if b.Data, err = text("callback_data"); err != nil {
			return b, err
		}
		if len(b.Data) > maxData {
			return b, badRequest("BUTTON_DATA_INVALID")
		}
	case "url":
		if b.URL, err = text("url"); err != nil {
			return b, err
		}
		if !strings.HasPrefix(b.URL, "http://") && !strings.HasPrefix(b.URL, "https://") && !strings.HasPrefix(b.URL, "tg://") {
			return b, badRequest("inline keyboard button URL '%s' is invalid: Wrong HTTP URL", b.URL)
		}
	default:
		return b, notModelled("buttons with " + action[0])
	}
	return b, nil
}
