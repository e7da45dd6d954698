// What the page knows, and the three things that it asks the server for.
import { computed, signal } from '@preact/signals'

export const server = signal(null) // the newest state, null before the first
export const online = signal(true)
export const user = signal(Number(sessionStorage.getItem('user')))
export const chosen = signal(0) // chat id
export const toast = signal(null) // {text, id}: what a bot says for a moment
export const alert = signal(null) // text that has to be closed
export const waiting = signal(new Set()) // presses without an answer, as pressKey
export const read = signal({}) // chat id → newest message id that was on screen
export const rings = signal(0) // how often the phone rang since the page was opened

/** me is the person who holds the phone. */
export const me = computed(() => {
  const users = server.value?.users ?? []
  return users.find(u => u.id === user.value) ?? users[0]
})

/** chats are those that this person sees: the groups and the own private chat. */
export const chats = computed(() =>
  (server.value?.chats ?? []).filter(c => c.kind !== 'private' || c.id === me.value?.id))

export const chat = computed(() => chats.value.find(c => c.id === chosen.value) ?? chats.value[0])

export function become(id) {
  user.value = id
  sessionStorage.setItem('user', id)
}

export const pressKey = (message, button) => `${message.chat}:${message.id}:${button}`

const known = new Set() // messages that were there before

/** arrived says whether a message is news, once. */
export function arrived(message) {
  const key = `${message.chat}:${message.id}`
  return !known.has(key) && Boolean(known.add(key))
}

/** take shows a new state. What was there when the page was opened is no news. */
function take(state) {
  const first = !server.value
  const all = state.chats.flatMap(c => c.messages)
  if (first) all.forEach(arrived)
  else if (all.some(m => m.from === state.bot.id && !m.silent && !known.has(`${m.chat}:${m.id}`))) rings.value++
  server.value = state
}

const sleep = ms => new Promise(done => setTimeout(done, ms))

/** follow keeps server up to date for as long as the page lives. */
export async function follow() {
  for (let pause = 500; ; ) {
    try {
      const answer = await fetch(`/phone/api/state?seen=${server.value?.version ?? 0}`, { signal: AbortSignal.timeout(40_000) })
      if (!answer.ok) throw new Error(answer.statusText)
      take(await answer.json())
      online.value = true
      pause = 500
    } catch {
      online.value = false
      await sleep(pause)
      pause = Math.min(pause * 2, 4000)
    }
  }
}

const post = (path, body) => fetch(path, {
  method: 'POST',
  headers: { 'Content-Type': 'application/json' },
  body: JSON.stringify(body),
})

/** press presses a button and shows what the bot answers. */
export async function press(message, button) {
  const key = pressKey(message, button)
  if (waiting.value.has(key)) return
  waiting.value = new Set(waiting.value).add(key)
  try {
    const answer = await post('/phone/api/press', { user: me.value.id, chat: message.chat, message: message.id, button })
    if (!answer.ok) say('That button has changed meanwhile.')
    else {
      const { answered, text, alert: box } = await answer.json()
      if (!answered) say('The bot did not answer.')
      else if (box) alert.value = text
      else if (text) say(text)
    }
  } catch {
    say('No connection.')
  } finally {
    const left = new Set(waiting.value)
    left.delete(key)
    waiting.value = left
  }
}

/** write sends a message of this person; it says whether that worked. */
export async function write(text) {
  try {
    const answer = await post('/phone/api/say', { user: me.value.id, chat: chat.value.id, text })
    if (!answer.ok) say(await answer.text())
    return answer.ok
  } catch {
    say('No connection.')
    return false
  }
}

let toasts = 0
function say(text) {
  const id = ++toasts
  toast.value = { text, id }
  setTimeout(() => { if (toast.value?.id === id) toast.value = null }, 4500)
}
