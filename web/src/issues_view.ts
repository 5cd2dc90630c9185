// What went wrong, in plain words, with what to do.

import { h } from './dom'
import { current, state } from './state'
import type { Issue } from './types'
import { getLanguage, ISSUES, t } from './words'

const EACH = 20

export function issuesView(): HTMLElement[] {
  const issues = current()!.issues
  const missing = Object.values(state.untrained).flat()
  const note = missing.length ? [h('p', { class: 'warning' }, t('untrained', { types: missing.slice(0, 20).join('、') + (missing.length > 20 ? '…' : '') }))] : []
  if (!issues.length) return [...note, h('p', { class: 'empty' }, t('noIssues'))]
  const kinds = new Map<string, Issue[]>()
  for (const issue of issues) kinds.set(issue.kind, [...(kinds.get(issue.kind) ?? []), issue])
  return [
    ...note,
    ...[...kinds].map(([kind, some]) => {
      const [meaning, toDo] = words(kind)
      return h(
        'section',
        { class: 'issue' },
        h('h3', {}, `${meaning} (${some.length})`),
        h('p', { class: 'hint' }, t('whatToDo'), toDo, ' ', h('code', {}, kind)),
        h('ul', {}, ...some.slice(0, EACH).map((one) => h('li', {}, one.detail, one.where ? h('small', {}, ` ${one.where}`) : null)), some.length > EACH && h('li', {}, `+ ${some.length - EACH}`)),
      )
    }),
  ]
}

function words(kind: string): [string, string] {
  const told = state.about.issues.find((one) => one.name === kind)
  if (getLanguage() === 'zh' && kind in ISSUES) return ISSUES[kind]
  return told ? [told.meaning, told.to_do] : [kind, '']
}
