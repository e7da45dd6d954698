import { html } from 'htm/preact'
import { useEffect, useRef } from 'preact/hooks'
import { Icon } from './icons.js'
import { Chat } from './chat.js'
import { alert, become, me, rings, server } from './state.js'

/** App is a phone on a desk; on a phone it is just the chat. */
export function App() {
  return html`
    <main class="desk">
      <aside class="about">
        <h1><img src="/phone/icon.svg" alt="" width="44" height="44" /> Leadline</h1>
        <p class="lead">This is the on-call phone. What Leadline sends to Telegram arrives here, and the buttons work.</p>
        <${Holder} />
        <p class="hint">Press a button as somebody else and see who may. One incident is one message: it changes in place.</p>
      </aside>
      <${Phone} />
    </main>
    <${Alert} />`
}

const initials = name => name.replace(/^an? /i, '').split(/\s+/).map(w => w[0]).slice(0, 2).join('').toUpperCase()

/** Holder says who holds the phone. */
function Holder() {
  const users = server.value?.users ?? []
  if (users.length === 0) return null
  return html`
    <fieldset class="holder">
      <legend>You are</legend>
      <div class="people">
        ${users.map(u => html`
          <label key=${u.id} class=${u.id === me.value.id ? 'person on' : 'person'}>
            <input type="radio" name="user" checked=${u.id === me.value.id} onChange=${() => become(u.id)} />
            <span class=${'face hue' + u.id % 6} aria-hidden="true">${initials(u.name)}</span>
            ${u.name}
          </label>`)}
      </div>
    </fieldset>`
}

/** Phone is the device; it buzzes when something arrives that rings. */
function Phone() {
  const frame = useRef()
  useEffect(() => {
    if (rings.value === 0 || matchMedia('(prefers-reduced-motion: reduce)').matches) return
    frame.current.animate(
      [0, -2, 2, -2, 2, -1, 0].map(x => ({ transform: `translateX(${x}px) rotate(${x / 6}deg)` })),
      { duration: 420, easing: 'ease-out' })
    if (navigator.userActivation?.hasBeenActive) navigator.vibrate?.(60)
  }, [rings.value])
  return html`
    <div class="phone" ref=${frame}>
      <div class="screen">
        <div class="status" aria-hidden="true"><${Clock} /><span class="island"></span><span class="signs"><${Icon} name="bars" /><${Icon} name="wifi" /><${Icon} name="battery" /></span></div>
        <${Chat} />
      </div>
    </div>`
}

function Clock() {
  const at = useRef()
  useEffect(() => {
    const tick = () => { at.current.textContent = new Date().toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', hour12: false }) }
    tick()
    const timer = setInterval(tick, 5000)
    return () => clearInterval(timer)
  }, [])
  return html`<span class="clock" ref=${at}></span>`
}

/** Alert is an answer that has to be closed. */
function Alert() {
  const box = useRef()
  useEffect(() => {
    if (!alert.value) return
    box.current.showModal()
    // In the middle of the screen of the phone, not of the page.
    const screen = document.querySelector('.screen').getBoundingClientRect()
    const { width, height } = box.current.getBoundingClientRect()
    box.current.style.left = `${screen.left + (screen.width - width) / 2}px`
    box.current.style.top = `${screen.top + (screen.height - height) / 2}px`
  }, [alert.value])
  return html`
    <dialog ref=${box} class="alert" onClose=${() => { alert.value = null }} aria-labelledby="alert-text">
      <form method="dialog">
        <strong>${server.value?.bot.name}</strong>
        <p id="alert-text">${alert.value}</p>
        <button autofocus>OK</button>
      </form>
    </dialog>`
}
