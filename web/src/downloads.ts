// Results to take away: copied, or as a file.

import * as api from './api'
import { button, h } from './dom'
import { current, state, visibleDoc, withoutHidden } from './state'
import { say, sayError } from './status'
import type { Doc } from './types'
import { t } from './words'

export function save(blob: Blob, name: string): void {
  const address = URL.createObjectURL(blob)
  const link = h('a', { href: address, download: name })
  link.click()
  setTimeout(() => URL.revokeObjectURL(address), 10_000)
}

// What is hidden for its score is not taken away either.
function documents(): Doc[] {
  return state.documents.map(withoutHidden)
}

export function downloads(): HTMLElement {
  const file = (form: 'csv' | 'xlsx' | 'html'): HTMLButtonElement =>
    button(form === 'xlsx' ? 'Excel' : form.toUpperCase(), async () => {
      try {
        save(await api.exported(form, documents()), `facts.${form}`)
      } catch (error) {
        sayError(error)
      }
    }, { id: `download-${form}` })
  return h(
    'div',
    { class: 'row downloads', role: 'group', 'aria-label': t('download') },
    button(t('copyJson'), async () => {
      try {
        await navigator.clipboard.writeText(JSON.stringify(visibleDoc(), null, 1))
        say(t('copied'))
      } catch {
        say(t('copyFails'), 'error')
      }
    }, { id: 'copy-json' }),
    button('JSON', () => {
      const lines = documents().map((one) => `${JSON.stringify(one)}\n`).join('')
      save(new Blob([lines], { type: 'application/x-ndjson' }), state.documents.length > 1 ? 'facts.jsonl' : `${current()!.id.replace(/[^\w.-]/g, '_')}.json`)
    }, { id: 'download-json' }),
    file('csv'),
    file('xlsx'),
    file('html'),
  )
}
