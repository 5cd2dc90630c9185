// One line that says what happened, for eyes and screen readers.

import { ServiceError } from './api'
import { h, replace } from './dom'
import { type Word, t } from './words'

export const statusLine = h('output', { class: 'status', role: 'status', 'aria-live': 'polite' })

export function say(message: string, kind: 'done' | 'error' = 'done'): void {
  statusLine.classList.toggle('error', kind === 'error')
  replace(statusLine, message)
}

const KNOWN: Record<string, Word> = { unreachable: 'unreachable', busy: 'busy', timeout: 'timeout' }

export function sayError(error: unknown): void {
  if (error instanceof ServiceError && error.code in KNOWN) say(t(KNOWN[error.code]), 'error')
  else say(t('failed', { why: error instanceof Error ? error.message : String(error) }), 'error')
}
