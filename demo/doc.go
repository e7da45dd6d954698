// Package demo is a small simulated world around a real Leadline: partners' bots that post a campaign rush over HTTP,
// and a third party that looks addresses up and turns slow. It touches Leadline only from outside; `leadline demo`
// and the end-to-end tests share it. The phone on which messages arrive is demo/phone.
package demo
