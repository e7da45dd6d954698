import { render } from 'preact'
import { html } from 'htm/preact'
import { App } from './app.js'
import { follow } from './state.js'

render(html`<${App} />`, document.getElementById('app'))
follow()
