package phone

import (
	"fmt"
	"slices"
	"strconv"
	"time"
)

// Kind is a chat's type.
type Kind string

// The kinds of chats.
const (
	Private    Kind = "private" // the chat's id is the person's
	Group      Kind = "group"
	Supergroup Kind = "supergroup"
)

// Reach says whether the bot can write to a chat.
type Reach string

// What a bot meets.
const (
	Reachable   Reach = ""
	NotStarted  Reach = "not started" // the person never pressed Start
	Blocked     Reach = "blocked"     // by the person
	Deactivated Reach = "deactivated" // the person's account
	Kicked      Reach = "kicked"      // out of the group
)

// Chat is where messages appear.
type Chat struct {
	ID     int64
	Kind   Kind
	Title  string         // "" for a private chat: the person's name
	Topics map[int]string // of a forum, by message_thread_id; General always exists
	Reach  Reach
}

// chat is a chat with all that happened in it.
type chat struct {
	Chat
	movedTo  int64
	messages []*Message
	last     int // message id
	sends    bucket
	sendsMin bucket
	editsMin bucket
}

// generalTopic is the id of a forum's General topic; sending it is an error.
const generalTopic = 1

func (p *Phone) addChat(c Chat) {
	if c.Kind == Private && c.Title == "" {
		if u, ok := p.user(c.ID); ok {
			c.Title = u.Name
		}
	}
	p.chats[c.ID] = &chat{
		Chat:     c,
		sends:    bucket{size: chatBurst, every: time.Second},
		sendsMin: bucket{size: groupPerMinute, every: time.Minute / groupPerMinute},
		editsMin: bucket{size: groupPerMinute, every: time.Minute / groupPerMinute},
	}
	p.order = append(p.order, c.ID)
}

// SetReach makes a chat reachable or not. The bot is told by my_chat_member where Telegram tells it.
func (p *Phone) SetReach(id int64, r Reach) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.mustChat(id)
	was, is := memberStatus(c.Reach), memberStatus(r)
	c.Reach = r
	if was != "" && is != "" && was != is {
		member := func(status string) map[string]any {
			return map[string]any{"user": wireUser(p.me), "status": status}
		}
		p.inbox.add("my_chat_member", p.now(), map[string]any{
			"chat": wireChat(c), "from": p.wireFrom(id), "date": p.now().Unix(),
			"old_chat_member": member(was), "new_chat_member": member(is),
		})
	}
	p.notify()
}

// memberStatus is the bot's in the chat, "" where it has none.
func memberStatus(r Reach) string {
	switch r {
	case Reachable:
		return "member"
	case Blocked, Kicked:
		return "kicked"
	default:
		return ""
	}
}

// Migrate turns a group into a supergroup with a new id. As in Telegram, its messages stay behind.
func (p *Phone) Migrate(from, to int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.mustChat(from)
	c.movedTo = to
	n := c.Chat
	n.ID, n.Kind = to, Supergroup
	p.addChat(n)
	p.order = slices.DeleteFunc(p.order, func(id int64) bool { return id == from })
	p.notify()
}

func (p *Phone) mustChat(id int64) *chat {
	c, ok := p.chats[id]
	if !ok {
		panic(fmt.Sprintf("BUG: phone: no chat %d", id))
	}
	return c
}

// open finds the chat of a request and says so where the bot cannot write to it. The caller holds mu.
func (p *Phone) open(given params) (*chat, *apiError) {
	text := given.text("chat_id")
	if text == "" {
		return nil, badRequest("chat_id is empty")
	}
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return nil, badRequest("chat not found")
	}
	c, ok := p.chats[id]
	if !ok {
		return nil, badRequest("chat not found")
	}
	if c.movedTo != 0 {
		e := badRequest("group chat was upgraded to a supergroup chat")
		e.migrateTo = c.movedTo
		return nil, e
	}
	switch c.Reach {
	case NotStarted:
		return nil, badRequest("chat not found")
	case Blocked:
		return nil, forbidden("bot was blocked by the user")
	case Deactivated:
		return nil, forbidden("user is deactivated")
	case Kicked:
		return nil, forbidden("bot was kicked from the " + string(c.Kind) + " chat")
	default:
		return c, nil
	}
}

func forbidden(why string) *apiError { return &apiError{code: 403, text: "Forbidden: " + why} }

// wireChat is a Chat object.
func wireChat(c *chat) map[string]any {
	out := map[string]any{"id": c.ID, "type": c.Kind}
	if c.Kind == Private {
		out["first_name"] = c.Title
	} else {
		out["title"] = c.Title
	}
	if len(c.Topics) > 0 {
		out["is_forum"] = true
	}
	return out
}

// wireFrom is the User object of a person, also of one that the phone was not told about.
func (p *Phone) wireFrom(id int64) map[string]any {
	u, ok := p.user(id)
	if !ok {
		u = User{ID: id, Name: "Somebody"}
	}
	out := wireUser(u)
	out["is_bot"] = id == p.me.ID
	return out
}
