package phone_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	tgbot "github.com/go-telegram/bot"
	"github.com/go-telegram/bot/models"

	"leadline/demo/phone"
)

// Another library's client finds Telegram here: it was written against the real one.
func TestForeignClient(t *testing.T) {
	t.Parallel()
	b := newBot(t)
	ctx, stop := context.WithCancel(t.Context())
	pressed := make(chan *models.CallbackQuery, 1)
	client, err := tgbot.New(token,
		tgbot.WithServerURL(b.url),
		tgbot.WithHTTPClient(3*time.Second, newHTTPClient(t)),
		tgbot.WithErrorsHandler(func(error) {}),
		tgbot.WithDefaultHandler(func(_ context.Context, _ *tgbot.Bot, u *models.Update) {
			if u.CallbackQuery != nil {
				pressed <- u.CallbackQuery
			}
		}))
	if err != nil {
		t.Fatal(err) // New calls getMe
	}
	var polling sync.WaitGroup
	polling.Go(func() { client.Start(ctx) })
	defer polling.Wait()
	defer stop()

	sent, err := client.SendMessage(ctx, &tgbot.SendMessageParams{
		ChatID: ops, MessageThreadID: 7, Text: "<b>812 ms</b> <a href=\"tg://user?id=1001\">Anna</a>", ParseMode: models.ParseModeHTML,
		LinkPreviewOptions: &models.LinkPreviewOptions{IsDisabled: tgbot.True()},
		ReplyMarkup: &models.InlineKeyboardMarkup{InlineKeyboard: [][]models.InlineKeyboardButton{
			{{Text: "Ack", CallbackData: "v1:ack"}, {Text: "Docs", URL: "https://example.org"}},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if sent.Text != "812 ms Anna" || len(sent.Entities) != 2 || sent.Entities[0].Type != models.MessageEntityTypeBold ||
		sent.Entities[1].User.FirstName != "Anna" || sent.MessageThreadID != 7 || !sent.IsTopicMessage || sent.From.ID != 42 {
		t.Errorf("sent: %+v", sent)
	}

	if _, err := b.phone.Press(anna, ops, sent.ID, "Ack"); err != nil {
		t.Fatal(err)
	}
	q := <-pressed
	if q.Data != "v1:ack" || q.From.FirstName != "Anna" || q.Message.Message.ID != sent.ID {
		t.Errorf("callback: %+v", q)
	}
	if ok, err := client.AnswerCallbackQuery(ctx, &tgbot.AnswerCallbackQueryParams{CallbackQueryID: q.ID, Text: "Acked"}); !ok || err != nil {
		t.Error(ok, err)
	}
	if got, err := b.phone.Answered(ctx, q.ID); got.Text != "Acked" || err != nil {
		t.Error(got, err)
	}
	if open := b.phone.Unanswered(); len(open) != 0 {
		t.Errorf("unanswered: %v", open)
	}

	edited, err := client.EditMessageText(ctx, &tgbot.EditMessageTextParams{ChatID: ops, MessageID: sent.ID, Text: "done"})
	if err != nil || edited.Text != "done" || edited.EditDate == 0 || edited.ReplyMarkup != nil && len(edited.ReplyMarkup.InlineKeyboard) > 0 {
		t.Errorf("edited: %+v %v", edited, err)
	}
	_, err = client.EditMessageText(ctx, &tgbot.EditMessageTextParams{ChatID: ops, MessageID: sent.ID, Text: "done"})
	if !errors.Is(err, tgbot.ErrorBadRequest) {
		t.Errorf("the same text again: %v", err)
	}

	say := func(chat int64) error {
		_, err := client.SendMessage(ctx, &tgbot.SendMessageParams{ChatID: chat, Text: "x"})
		return err
	}
	b.phone.SetReach(anna, phone.Blocked)
	if err := say(anna); !errors.Is(err, tgbot.ErrorForbidden) {
		t.Errorf("blocked: %v", err)
	}
	b.phone.Migrate(team, -100700)
	var moved *tgbot.MigrateError
	if err := say(team); !errors.As(err, &moved) || moved.MigrateToChatID != -100700 {
		t.Errorf("migrated: %v", err)
	}
	for range 5 {
		err = errors.Join(err, say(-100700))
	}
	var slow *tgbot.TooManyRequestsError
	if err := say(-100700); !errors.As(err, &slow) || slow.RetryAfter != 1 {
		t.Errorf("6 messages at once: %v", err)
	}
	stranger, err := tgbot.New("42:wrong", tgbot.WithServerURL(b.url))
	if !errors.Is(err, tgbot.ErrorUnauthorized) {
		t.Errorf("wrong token: %v %v", stranger, err)
	}
}
