// Package phone is a strict fake of Telegram's Bot API and the page on which its messages can be read and pressed.
//
//	bot      ⇄ /bot<token>/<method>   parameters, HTML, limits and error texts as Telegram has them
//	browser  ⇄ /phone                 what the people in the chats see
//	tests    ⇄ Messages, Press, Say, Fault, WaitFor, Unanswered, Transcript
//
// It knows one bot, speaks Bot API 10.1 for the methods in spec.go and refuses everything else aloud: a parameter that
// Telegram would silently ignore is an error here, because in a test it is a mistake. Where it models less than
// Telegram it answers 501, which Telegram never does.
package phone
