// Corrected documents: saved, counted, and taught to the embedded model.

import * as api from './api'
import { button, h, replace } from './dom'
import { save as download } from './downloads'
import { extract, show } from './input_view'
import { askedSchema, setSchema } from './schema_view'
import { current, state, update, visibleDoc } from './state'
import { say, sayError } from './status'
import type { Figures, ProjectInfo, Tuning } from './types'
import { t } from './words'

let info: ProjectInfo | null = null
let tuning: Tuning | null = null
let timer = 0

export async function loadProject(): Promise<void> {
  if (!state.about.project) return
  try {
    info = await api.project()
    state.projectSchema = info.schema
    if (state.about.tunes) take(await api.tuning())
    update()
  } catch (error) {
    sayError(error)
  }
}

export function savedCount(): number | null {
  return info ? info.documents.length : null
}

export async function saveGold(): Promise<void> {
  const doc = visibleDoc()
  if (!doc) return
  try {
    const { documents } = await api.save({ ...doc, issues: [], meta: undefined }, askedSchema())
    say(t('savedGold', { n: documents }))
    await loadProject()
  } catch (error) {
    sayError(error)
  }
}

export function projectView(): (HTMLElement | false)[] {
  if (!state.about.project) return [h('p', { class: 'empty' }, t('noProject'))]
  if (!info) return [h('p', {}, '…')]
  const isBusy = tuning?.state === 'training' || tuning?.state === 'comparing'
  const isEnough = info.documents.length >= info.fewest
  return [
    h(
      'section',
      { class: 'teach' },
      h('div', { class: 'row' },
        h('strong', { id: 'gold-count' }, t('goldCount', { n: info.documents.length })),
        current() !== null && button(t('saveGold'), () => void saveGold(), { id: 'save-gold-here' }),
        info.documents.length > 0 && button(t('downloadGold'), () => void downloadGold())),
      h('p', { class: 'hint' }, t('saveHint')),
      goldList(info),
    ),
    h(
      'section',
      { class: 'teach' },
      !state.about.tunes && h('p', { class: 'hint' }, t('noTune')),
      state.about.tunes && h('div', { class: 'row' },
        isBusy
          ? button(t('stop'), () => void stop(), { id: 'stop-tuning' })
          : button(t('tune'), () => void start(), { class: 'primary', id: 'tune', disabled: !isEnough }),
        !isEnough && h('span', { class: 'hint' }, t('tuneNeeds', { n: info.fewest }))),
      state.about.tunes && h('p', { class: 'hint' }, t('tuneHint')),
      tuning !== null && tuning.state !== 'idle' && tuningElement(tuning),
    ),
    info.models.length > 0 && modelList(info.models),
  ]
}

function goldList(project: ProjectInfo): HTMLElement | false {
  if (!project.documents.length) return false
  return h(
    'details',
    {},
    h('summary', {}, t('goldList')),
    h('ul', { class: 'gold' }, ...project.documents.map(({ id, beginning }) =>
      h('li', {},
        h('span', {}, beginning),
        button(t('open'), () => void open(id)),
        button(t('delete'), () => void remove(id), { 'aria-label': t('deleteThis', { name: beginning }) })))),
  )
}

async function downloadGold(): Promise<void> {
  try {
    const documents = await Promise.all(info!.documents.map(({ id }) => api.saved(id)))
    const lines = documents.map((one) => `${JSON.stringify(one)}\n`).join('')
    download(new Blob([lines], { type: 'application/x-ndjson' }), 'gold.jsonl')
  } catch (error) {
    sayError(error)
  }
}

async function open(id: string): Promise<void> {
  try {
    const document = await api.saved(id)
    if (info?.schema) setSchema(info.schema, '')
    show([document])
    update({ tab: 'text', editing: true })
  } catch (error) {
    sayError(error)
  }
}

async function remove(id: string): Promise<void> {
  try {
    await api.remove(id)
    say(t('deleted'))
    await loadProject()
  } catch (error) {
    sayError(error)
  }
}

function modelList(models: string[]): HTMLElement {
  return h('section', { class: 'teach' }, h('h3', {}, t('models')),
    h('ul', { class: 'gold' }, ...models.map((model) => h('li', {}, h('span', {}, model), button(t('use'), () => use(model), { 'aria-label': `${t('use')} ${model}`, disabled: model === state.model })))))
}

function use(model: string): void {
  if (!state.about.models.includes(model)) state.about.models.push(model)
  update({ model })
}

async function start(): Promise<void> {
  try {
    take(await api.tune())
    update()
  } catch (error) {
    sayError(error)
  }
}

async function stop(): Promise<void> {
  try {
    take(await api.stopTuning())
    update()
  } catch (error) {
    sayError(error)
  }
}

// Take what the service says of a training, and ask again while it runs.
function take(found: Tuning): void {
  const was = tuning?.state
  tuning = found
  const isBusy = found.state === 'training' || found.state === 'comparing'
  window.clearTimeout(timer)
  if (isBusy) timer = window.setTimeout(() => void follow(), 1000)
  if (was !== 'training' && was !== 'comparing') return
  if (found.state === 'done' && found.model) {
    use(found.model)
    say(t('tuned', { model: found.model }))
    void loadProject()
    if (current()) void extract()
  } else if (found.state === 'failed') say(t('tuneFailed', { why: found.message ?? '' }), 'error')
  else if (found.state === 'stopped') say(t('tuneStopped'))
}

async function follow(): Promise<void> {
  try {
    take(await api.tuning())
    if (state.tab === 'project') drawTuning()
    if (tuning?.state !== 'training') update()
  } catch (error) {
    sayError(error)
    timer = window.setTimeout(() => void follow(), 5000)
  }
}

function drawTuning(): void {
  const old = document.querySelector('#tuning')
  if (old && tuning) old.replaceWith(tuningElement(tuning))
}

function tuningElement(found: Tuning): HTMLElement {
  const isBusy = found.state === 'training' || found.state === 'comparing'
  const words = {
    idle: '',
    training: t('training'),
    comparing: t('comparing'),
    done: t('tuned', { model: found.model ?? '' }),
    failed: t('tuneFailed', { why: found.message ?? '' }),
    stopped: t('tuneStopped'),
  }
  const log = h('pre', { tabindex: 0, 'aria-label': t('log') }, found.lines.slice(-40).join('\n'))
  requestAnimationFrame(() => (log.scrollTop = log.scrollHeight))
  return h(
    'div',
    { id: 'tuning' },
    h('p', { id: 'tuning-state' }, words[found.state]),
    isBusy && h('progress', { 'aria-label': words[found.state], max: 1, value: found.progress ?? undefined }),
    found.result !== undefined && comparison(found.result),
    found.lines.length > 0 && h('details', { open: isBusy }, h('summary', {}, t('log')), log),
  )
}

const SECTIONS: Record<string, 'ner' | 're' | 'ee' | 'triggers' | 'arguments'> = {
  entities: 'ner', relations: 're', events: 'ee', triggers: 'triggers', arguments: 'arguments',
}

function comparison({ learnt, aside, before, after }: { learnt: number; aside: number; before: Figures; after: Figures }): HTMLElement {
  const f1 = (figures: Figures, name: string): number => figures[name]?.f1 ?? 0
  const rows = Object.keys(after).filter((name) => (after[name].gold ?? 0) > 0).map((name) => {
    const change = f1(after, name) - f1(before, name)
    return h('tr', {},
      h('th', { scope: 'row' }, name in SECTIONS ? t(SECTIONS[name]) : name),
      h('td', { class: 'figure' }, f1(before, name).toFixed(3)),
      h('td', { class: 'figure' }, f1(after, name).toFixed(3)),
      h('td', { class: `figure ${change > 0 ? 'better' : change < 0 ? 'worse' : ''}` }, `${change >= 0 ? '+' : '−'}${Math.abs(change).toFixed(3)}`))
  })
  const table = h('table', { id: 'comparison' },
    h('caption', {}, t('compared', { aside, learnt })),
    h('thead', {}, h('tr', {}, h('td'), ...[t('before'), t('after'), t('difference')].map((head) => h('th', { scope: 'col' }, head)))),
    h('tbody', {}))
  replace(table.tBodies[0], ...rows)
  return table
}
