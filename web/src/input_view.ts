// What is asked: a text or a file, the schema, tasks and model; and the asking itself.

import * as api from './api'
import { button, field, h, replace, select } from './dom'
import { countPoints } from './points'
import { askedSchema, schemaChooser, schemaEditor } from './schema_view'
import { state, update } from './state'
import { say, sayError } from './status'
import type { Doc } from './types'
import { t } from './words'

interface Text {
  id: string
  text: string
}

let names: { name: string; description: string }[] = []
let queue: Text[] = []
let running: AbortController | null = null

const area = h('textarea', { id: 'input-text', rows: 9, lang: 'zh', spellcheck: 'false', on: { input: count } })
const counter = h('span', { class: 'hint', id: 'count' })
const chooser = h('input', { type: 'file', id: 'file', multiple: true, class: 'hidden', tabindex: -1, on: { change: () => void openFiles(chooser.files) } })

export function setSchemas(found: { name: string; description: string }[]): void {
  names = found
}

function count(): void {
  replace(counter, t('characters', { n: countPoints(area.value).toLocaleString() }))
}

export function inputView(): HTMLElement[] {
  area.placeholder = t('textHint')
  chooser.setAttribute('aria-label', t('openFile'))
  count()
  const isRunning = running !== null
  return [
    h('h2', {}, t('input')),
    queue.length
      ? h('div', { class: 'queue row' }, h('span', {}, t('queued', { n: queue.length.toLocaleString() })), button(t('clearQueue'), () => { queue = []; update() }))
      : h('div', { class: 'column' }, field(t('text'), area)),
    h('div', { class: 'row' }, button(t('openFile'), () => chooser.click()), chooser, button(t('example'), () => { queue = []; area.value = t('exampleText'); update() }), queue.length ? '' : counter),
    schemaChooser(names),
    schemaEditor(),
    h('fieldset', { class: 'tasks row' }, h('legend', {}, t('tasks')), task('ner', 'entities'), task('re', 'relations'), task('ee', 'events')),
    field(t('model'), select(state.about.models, state.model, (model) => update({ model }), { id: 'model' })),
    isRunning
      ? button(t('stop'), () => running?.abort(), { class: 'wide', id: 'extract' })
      : button(t('extract'), () => void extract(), { class: 'primary wide', id: 'extract', title: 'Ctrl+Enter' }),
  ]
}

function task(name: 'ner' | 're' | 'ee', list: 'entities' | 'relations' | 'events'): HTMLElement {
  const box = h('input', {
    type: 'checkbox',
    checked: state.tasks.has(name),
    disabled: !state.schema[list].length,
    on: { change: () => { if (box.checked) state.tasks.add(name); else state.tasks.delete(name) } },
  })
  return h('label', { class: 'check' }, box, t(name))
}

export async function openFiles(files: FileList | null): Promise<void> {
  const found: Text[] = []
  const notes: string[] = []
  for (const file of files ?? []) {
    try {
      const read = await api.readFile(file)
      found.push(...read.documents.map(({ id, text }) => ({ id, text })))
      notes.push(...read.notes)
    } catch (error) {
      sayError(error)
      return
    }
  }
  chooser.value = ''
  if (!found.length) return
  if (found.length === 1) {
    queue = []
    area.value = found[0].text
  } else queue = found
  say([t('queued', { n: found.length }), ...notes].join(' · '))
  update()
}

// An id that the same text always gets: saving it again replaces it.
export function textId(text: string): string {
  let low = 0x811c9dc5
  let high = 0x1b873593
  for (let i = 0; i < text.length; i++) {
    low = Math.imul(low ^ text.charCodeAt(i), 0x01000193) >>> 0
    high = Math.imul(high ^ low, 0x85ebca6b) >>> 0
  }
  return `text-${high.toString(16).padStart(8, '0')}${low.toString(16).padStart(8, '0')}`
}

export async function extract(): Promise<void> {
  if (running) return
  const texts = queue.length ? queue : [{ id: textId(area.value), text: area.value }]
  if (!queue.length && !area.value.trim()) return say(t('noText'), 'error')
  if (!state.tasks.size) return say(t('noTypes'), 'error')
  running = new AbortController()
  const begin = performance.now()
  say(t('extracting'))
  update()
  const ask = { schema: askedSchema(), tasks: [...state.tasks], model: state.model }
  const documents: Doc[] = []
  try {
    // The first one tells which types the model never met.
    const first = await api.extract(texts[0], ask, running.signal)
    documents.push(first.document)
    show(documents, first.untrained)
    for (let from = 1; from < texts.length; from += state.about.limits.texts) {
      const some = texts.slice(from, from + state.about.limits.texts)
      for await (const document of api.extractMany(some, ask, running.signal)) {
        documents.push(document)
        say(t('extractingMany', { n: documents.length, all: texts.length }))
      }
    }
    show(documents, first.untrained)
    const sum = (list: 'entities' | 'relations' | 'events'): number => documents.reduce((n, doc) => n + doc[list].length, 0)
    const seconds = ((performance.now() - begin) / 1000).toFixed(1)
    say(t('extracted', { entities: sum('entities'), relations: sum('relations'), events: sum('events'), s: seconds }))
  } catch (error) {
    if (running.signal.aborted) say(t('stopped'))
    else sayError(error)
    if (documents.length) show(documents, state.untrained)
  } finally {
    running = null
    update()
  }
}

export function show(documents: Doc[], untrained: Record<string, string[]> = {}): void {
  const filled = documents.map((doc) => ({ ...doc, entities: doc.entities ?? [], relations: doc.relations ?? [], events: doc.events ?? [], issues: doc.issues ?? [] }))
  const isFirst = state.documents.length === 0
  update({ documents: filled, current: 0, past: [], untrained, selection: null, hiddenTypes: new Set() })
  if (isFirst) document.querySelector('#result')?.scrollIntoView({ block: 'nearest' })
}
