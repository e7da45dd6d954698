// Package telegram brings incidents to Telegram and presses of their buttons back.
//
//	oncall ── Deliver(Notice) ──▶ render → sendMessage or editMessageText     one living message an incident and chat
//	oncall ◀── Press ──────────── Poll: getUpdates → verify → answerCallbackQuery
//
// A chat's message is edited in place for as long as it exists. Its buttons carry a MAC over chat, incident, revision
// and action, so that a press proves to be of a button made here for that chat; who may press is oncall's to say.
// Errors are *leadline.DeliveryError and never contain the bot's token.
package telegram
