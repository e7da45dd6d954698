import { html } from 'htm/preact'

// Drawn for this page on a 20×20 grid.
const paths = {
  send: html`<path d="M3.2 9.1 16.4 3.3c.5-.2 1 .3.8.8l-5.1 13c-.2.6-1 .5-1.2-.1l-1.6-5.2-5.9-1.6c-.6-.2-.7-.9-.2-1.1Z" fill="currentColor"/>`,
  muted: html`<path d="M5.5 13.5V9a4.5 4.5 0 0 1 7.7-3.2M14.5 9.6v3.9M4 13.5h9.5M8.5 16h3M3.5 3.5l13 13" fill="none" stroke="currentColor" stroke-width="1.6" stroke-linecap="round"/>`,
  down: html`<path d="m5 8 5 5 5-5" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round"/>`,
  bars: html`<path d="M2 13h2.5v3H2zM6 10.5h2.5V16H6zM10 8h2.5v8H10zM14 5h2.5v11H14z" fill="currentColor"/>`,
  wifi: html`<path d="M10 15.6 7.7 13a3.2 3.2 0 0 1 4.6 0zM4.2 9.6a8.2 8.2 0 0 1 11.6 0M1.8 6.8a11.8 11.8 0 0 1 16.4 0" fill="currentColor" fill-rule="evenodd" stroke="currentColor" stroke-width="0"/><path d="M3.6 9.3a9.2 9.2 0 0 1 12.8 0M5.9 11.5a5.9 5.9 0 0 1 8.2 0" fill="none" stroke="currentColor" stroke-width="1.9"/>`,
  battery: html`<rect x="1" y="6" width="15" height="8" rx="2.4" fill="none" stroke="currentColor" stroke-width="1.2" opacity=".55"/><rect x="2.5" y="7.5" width="10.5" height="5" rx="1.2" fill="currentColor"/><path d="M17.4 8.6v2.8c.7-.2 1.2-.7 1.2-1.4s-.5-1.2-1.2-1.4Z" fill="currentColor" opacity=".55"/>`,
}

/** Icon is decoration: whatever it means is also said in words. */
export const Icon = ({ name }) => html`<svg class=${'icon ' + name} viewBox="0 0 20 20" aria-hidden="true">${paths[name]}</svg>`
