package phone

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// A method is one of Bot API 10.1 with all the parameters that it has there.
type method struct {
	name   string
	fields []field
	run    func(*Phone, context.Context, params) (any, *apiError)
}

// A field is a parameter; types are named as in Telegram's documentation.
type field struct {
	name     string
	types    []string
	required bool
}

// methods is keyed by lower-case name: Telegram does not mind the case.
var methods = table(map[string]func(*Phone, context.Context, params) (any, *apiError){
	"getMe": (*Phone).getMe,
	"getUpdates offset:Integer limit:Integer timeout:Integer allowed_updates:Array_of_String": (*Phone).getUpdates,
	"deleteWebhook drop_pending_updates:Boolean":                                              (*Phone).deleteWebhook,
	"getWebhookInfo": (*Phone).getWebhookInfo,
	"sendMessage business_connection_id:String chat_id!:Integer|String message_thread_id:Integer " +
		"direct_messages_topic_id:Integer text!:String parse_mode:String entities:Array_of_MessageEntity " +
		"link_preview_options:LinkPreviewOptions disable_notification:Boolean protect_content:Boolean " +
		"allow_paid_broadcast:Boolean message_effect_id:String suggested_post_parameters:SuggestedPostParameters " +
		"reply_parameters:ReplyParameters " +
		"reply_markup:InlineKeyboardMarkup|ReplyKeyboardMarkup|ReplyKeyboardRemove|ForceReply": (*Phone).sendMessage,
	"editMessageText business_connection_id:String chat_id:Integer|String message_id:Integer inline_message_id:String " +
		"text:String parse_mode:String entities:Array_of_MessageEntity link_preview_options:LinkPreviewOptions " +
		"rich_message:InputRichMessage reply_markup:InlineKeyboardMarkup": (*Phone).editMessageText,
	"editMessageReplyMarkup business_connection_id:String chat_id:Integer|String message_id:Integer " +
		"inline_message_id:String reply_markup:InlineKeyboardMarkup": (*Phone).editMessageReplyMarkup,
	"answerCallbackQuery callback_query_id!:String text:String show_alert:Boolean url:String cache_time:Integer": (*Phone).answerCallbackQuery,
})

// unmodelled parameters exist in Telegram and not here.
var unmodelled = []string{
	"business_connection_id", "direct_messages_topic_id", "inline_message_id", "entities", "rich_message", "url",
	"message_effect_id", "suggested_post_parameters", "reply_parameters", "allow_paid_broadcast",
}

// table reads lines of "method parameter[!]:Type|Type …", where ! means required.
func table(lines map[string]func(*Phone, context.Context, params) (any, *apiError)) map[string]method {
	all := make(map[string]method, len(lines))
	for line, run := range lines {
		words := strings.Fields(line)
		m := method{name: words[0], run: run}
		for _, w := range words[1:] {
			name, types, ok := strings.Cut(w, ":")
			if !ok {
				panic("BUG: phone: no type in " + w)
			}
			bare := strings.TrimSuffix(name, "!")
			types = strings.ReplaceAll(types, "_", " ")
			m.fields = append(m.fields, field{name: bare, types: strings.Split(types, "|"), required: bare != name})
		}
		all[strings.ToLower(m.name)] = m
	}
	return all
}

func lookup(name string) (method, bool) {
	m, ok := methods[strings.ToLower(name)]
	return m, ok
}

// check refuses unknown, missing and mistyped parameters.
func (m method) check(given params) *apiError {
	for _, name := range slices.Sorted(maps.Keys(given)) {
		i := slices.IndexFunc(m.fields, func(f field) bool { return f.name == name })
		switch {
		case i < 0:
			return badRequest("%s has no parameter %q (Telegram would ignore it)", m.name, name)
		case slices.Contains(unmodelled, name):
			return notModelled("the parameter " + name)
		case !m.fields[i].accepts(given[name]):
			return badRequest("parameter %q of %s must be of type %s", name, m.name, strings.Join(m.fields[i].types, " or "))
		}
	}
	for _, f := range m.fields {
		if _, ok := given[f.name]; f.required && !ok {
			return missing(f.name)
		}
	}
	return nil
}

// missing is what Telegram says about an absent parameter.
func missing(name string) *apiError {
	switch name {
	case "text":
		return badRequest("message text is empty")
	case "callback_query_id":
		return badRequest("query is too old and response timeout expired or query ID is invalid")
	default:
		return badRequest("%s is empty", name)
	}
}

func (f field) accepts(v param) bool {
	return slices.ContainsFunc(f.types, func(t string) bool {
		switch t {
		case "Integer":
			_, err := strconv.ParseInt(v.text, 10, 64)
			return err == nil && (v.kind == kindString || v.kind == kindNumber)
		case "Boolean":
			return slices.Contains([]string{"true", "false", "1", "0"}, strings.ToLower(v.text)) &&
				(v.kind == kindString || v.kind == kindBool)
		case "String":
			return v.kind == kindString
		default:
			array := strings.HasPrefix(t, "Array")
			text := strings.TrimSpace(v.text)
			return (v.kind == kindString || v.kind == kindObject) && json.Valid([]byte(text)) &&
				(array && text[0] == '[' || !array && text[0] == '{')
		}
	})
}

func (p *Phone) getMe(context.Context, params) (any, *apiError) {
	u := wireUser(p.me)
	u["is_bot"] = true
	u["can_join_groups"] = true
	u["can_read_all_group_messages"] = false
	return u, nil
}

// wireUser is a User object.
func wireUser(u User) map[string]any {
	out := map[string]any{"id": u.ID, "is_bot": false, "first_name": u.Name}
	if u.Username != "" {
		out["username"] = u.Username
	}
	return out
}
