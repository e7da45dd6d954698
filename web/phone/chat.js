import { html } from 'htm/preact'
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import { Icon } from './icons.js'
import { rich } from './entities.js'
import { arrived, chat, chats, chosen, me, online, press, pressKey, read, server, toast, waiting, write } from './state.js'

/** Chat is one conversation with its header, messages and composer. */
export function Chat() {
  if (!server.value) return html`<div class="starting">${online.value ? 'Connecting…' : 'The phone does not answer. Trying again…'}</div>`
  return html`
    <${Header} />
    ${!online.value && html`<p class="offline" role="status"><span class="spinner"></span>No connection. Leadline's demo may have ended; trying again…</p>`}
    <div class="toasts" role="status">${toast.value && html`<div class="toast" key=${toast.value.id}>${toast.value.text}</div>`}</div>
    <${Messages} key=${chat.value?.id} />
    <${Composer} />`
}

const title = c => (c.kind === 'private' ? server.value.bot.name : c.title)

function Header() {
  const c = chat.value
  if (!c) return null
  const people = server.value.users.length
  const about = c.kind === 'private' ? 'bot' : `${server.value.bot.name} and ${people} ${people === 1 ? 'person' : 'people'}`
  return html`
    <header class="head">
      <img src="/phone/icon.svg" alt="" width="40" height="40" />
      <div><h2>${title(c)}</h2><p>${online.value ? about : 'waiting for network…'}</p></div>
    </header>
    ${chats.value.length > 1 && html`
      <nav class="tabs" aria-label="Chats">
        ${chats.value.map(other => html`
          <button type="button" key=${other.id} aria-current=${other.id === c.id} onClick=${() => { chosen.value = other.id }}>
            ${title(other)}<${Unread} of=${other} />
          </button>`)}
      </nav>`}`
}

function Unread({ of }) {
  if (of.id === chat.value.id) return null
  const n = of.messages.filter(m => m.id > (read.value[of.id] ?? 0) && m.from !== me.value.id).length
  return n > 0 && html`<span class="unread">${n}<span class="hidden"> unread</span></span>`
}

/** Messages is the log. It stays at its end unless somebody scrolled up. */
function Messages() {
  const list = useRef()
  const pinned = useRef(true)
  const [below, setBelow] = useState(false)
  const all = chat.value?.messages ?? []
  const last = all.at(-1)
  const toEnd = smooth => list.current?.scrollTo({ top: list.current.scrollHeight, behavior: smooth ? 'smooth' : 'instant' })
  useLayoutEffect(() => {
    if (pinned.current) toEnd(false)
    else if (last) setBelow(true)
  }, [last?.id, last?.edited, all.length])
  useEffect(() => {
    if (last) read.value = { ...read.value, [last.chat]: last.id }
    if (!list.current) return
    const room = new ResizeObserver(() => { if (pinned.current) toEnd(false) })
    room.observe(list.current)
    return () => room.disconnect()
  }, [last?.id])
  const scrolled = () => {
    const { scrollTop, scrollHeight, clientHeight } = list.current
    pinned.current = scrollHeight - scrollTop - clientHeight < 40
    if (pinned.current) setBelow(false)
  }
  if (!chat.value || all.length === 0) return html`<${Quiet} />`
  return html`
    <div class="room">
      <div class="log" role="log" aria-live="polite" aria-label=${'Messages in ' + title(chat.value)} tabindex="0" ref=${list} onScroll=${scrolled}>
        ${all.map((m, i) => html`
          ${day(m) !== day(all[i - 1]) && html`<p class="day" key=${'day' + m.id}><span>${day(m)}</span></p>`}
          <${Message} key=${m.id} message=${m} follows=${all[i - 1]?.from === m.from && day(m) === day(all[i - 1])} />`)}
      </div>
      ${below && html`<button type="button" class="to-end" onClick=${() => toEnd(true)}><${Icon} name="down" /><span class="hidden">Go to the newest message</span></button>`}
    </div>`
}

const time = at => new Date(at).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', hour12: false })

function day(m) {
  if (!m) return ''
  const then = new Date(m.date)
  if (then.toDateString() === new Date().toDateString()) return 'Today'
  return then.toLocaleDateString([], { day: 'numeric', month: 'long' })
}

function Quiet() {
  return html`
    <div class="room quiet">
      <div class="card">
        <svg viewBox="0 0 120 84" aria-hidden="true">
          <path class="wave" d="M4 26c9 0 9-6 18-6s9 6 18 6 9-6 18-6 9 6 18 6 9-6 18-6 9 6 22 6" />
          <path class="wave far" d="M14 42c8 0 8-5 16-5s8 5 16 5 8-5 16-5 8 5 16 5 8-5 16-5 8 5 12 5" />
          <path class="rope" d="M60 4v54" /><path class="weight" d="M56 58h8l4 15a4 4 0 0 1-4 5h-8a4 4 0 0 1-4-5z" />
        </svg>
        <h3>Quiet.</h3>
        <p>Messages appear here when a rule fires. ${chat.value?.kind === 'private' && 'Say hello to learn your Telegram id.'}</p>
      </div>
    </div>`
}

/** Message is a bubble with its buttons. A change in place glows once, and is read out. */
function Message({ message: m, follows }) {
  const bubble = useRef()
  const shown = useRef(m.edited)
  const [news, setNews] = useState('')
  const [fresh] = useState(() => arrived(m))
  useEffect(() => {
    if (shown.current === m.edited) return
    shown.current = m.edited
    setNews('Changed: ' + m.text.split('\n')[0])
    if (!matchMedia('(prefers-reduced-motion: reduce)').matches) bubble.current.animate([{ boxShadow: '0 0 0 4px var(--glow)' }, { boxShadow: '0 0 0 0 transparent' }], { duration: 1400, easing: 'ease-out' })
  }, [m.edited])
  const bot = m.from === server.value.bot.id
  const mine = m.from === me.value.id
  const from = bot ? server.value.bot.name : server.value.users.find(u => u.id === m.from)?.name ?? 'Somebody'
  const topic = chat.value.topics?.[m.thread]
  return html`
    <article class=${`message ${mine ? 'mine' : 'theirs'} ${follows ? 'follows' : ''} ${fresh ? 'fresh' : ''}`} aria-label=${`${from}, ${time(m.date)}`}>
      <div class="bubble" ref=${bubble}>
        ${!mine && !follows && html`<p class=${'from ' + (bot ? 'bot' : 'hue' + m.from % 6)}>${from}${bot && html`<span class="badge">bot</span>`}${topic && html`<span class="topic">${topic}</span>`}</p>`}
        <div class="text" dir="auto">${rich(m.text, m.entities)}</div>
        <p class="meta">
          ${m.silent && html`<span title="sent without sound"><${Icon} name="muted" /><span class="hidden">sent without sound</span></span>`}
          ${m.edited && html`<span title=${'last changed at ' + time(m.edited)}>edited</span>`}
          <time datetime=${m.date}>${time(m.date)}</time>
        </p>
      </div>
      ${m.buttons?.map((row, i) => html`
        <div class="buttons" key=${i}>
          ${row.map(b => (b.url
            ? html`<a class="key" key=${b.text} href=${b.url} target="_blank" rel="noopener noreferrer">${b.text}</a>`
            : html`<button type="button" class="key" key=${b.text} aria-busy=${waiting.value.has(pressKey(m, b.text))} onClick=${() => press(m, b.text)}>${b.text}</button>`))}
        </div>`)}
      <span class="hidden" aria-live="polite">${news}</span>
    </article>`
}

function Composer() {
  const [text, setText] = useState('')
  if (!chat.value) return null
  const submit = async event => {
    event.preventDefault()
    const said = text.trim()
    if (said && await write(said)) setText('')
  }
  return html`
    <form class="composer" onSubmit=${submit}>
      <label class="hidden" for="say">Message as ${me.value?.name}</label>
      <input id="say" autocomplete="off" maxlength="4096" placeholder=${`Message as ${me.value?.name ?? 'nobody'}`} value=${text} onInput=${e => setText(e.target.value)} />
      <button type="submit" aria-label="Send" disabled=${!text.trim()}><${Icon} name="send" /></button>
    </form>`
}
