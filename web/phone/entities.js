// Text and entities → elements. Nothing here is ever parsed as HTML. Offsets count UTF-16 units, as JavaScript does.
import { html } from 'htm/preact'
import { useState } from 'preact/hooks'
import { me } from './state.js'

const tags = {
  bold: 'strong', italic: 'em', underline: 'u', strikethrough: 's', code: 'code', pre: 'pre',
}

/** rich renders text from..to with the entities inside; they are sorted and nest, as Telegram promises. */
export function rich(text, entities = [], from = 0, to = text.length) {
  const out = []
  let at = from
  for (let i = 0; i < entities.length; i++) {
    const e = entities[i]
    const end = e.offset + e.length
    if (e.offset < at || end > to) continue
    const inner = []
    for (let j = i + 1; j < entities.length && entities[j].offset < end; j++) inner.push(entities[j])
    let before = text.slice(at, e.offset)
    const block = e.type.endsWith('blockquote') || e.type === 'pre'
    if (block) before = before.replace(/\n$/, '')
    if (before) out.push(before)
    out.push(element(e, text.slice(e.offset, end), rich(text, inner, e.offset, end)))
    at = block && text[end] === '\n' ? end + 1 : end
  }
  if (at < to) out.push(text.slice(at, to))
  return out
}

function element(e, text, children) {
  if (tags[e.type]) return html`<${tags[e.type]}>${children}<//>`
  switch (e.type) {
    case 'blockquote':
      return html`<blockquote>${children}</blockquote>`
    case 'expandable_blockquote':
      return html`<${Expandable} long=${text.split('\n').length > 3 || text.length > 180}>${children}<//>`
    case 'text_mention':
      return html`<span class=${'mention' + (e.user === me.value?.id ? ' mine' : '')}>${children}</span>`
    case 'bot_command':
      return html`<span class="mention">${children}</span>`
    case 'text_link':
      return html`<a href=${safe(e.url)} target="_blank" rel="noopener noreferrer">${children}</a>`
    case 'spoiler':
      return html`<${Spoiler}>${children}<//>`
    default:
      return children
  }
}

const safe = url => (/^(https?|tg):\/\//.test(url) ? url : undefined)

function Expandable({ long, children }) {
  const [open, setOpen] = useState(false)
  if (!long) return html`<blockquote>${children}</blockquote>`
  return html`<blockquote class=${open ? '' : 'folded'}>
    ${children}
    <button type="button" class="unfold" aria-expanded=${open} onClick=${() => setOpen(!open)}>${open ? 'Show less' : 'Show more'}</button>
  </blockquote>`
}

function Spoiler({ children }) {
  const [open, setOpen] = useState(false)
  if (open) return html`<span>${children}</span>`
  return html`<button type="button" class="spoiler" aria-label="Hidden text, press to show" onClick=${() => setOpen(true)}>${children}</button>`
}
