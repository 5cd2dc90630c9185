// The page: what is asked at the left, what was found at the right.

import * as api from './api'
import { button, field, h, replace } from './dom'
import { downloads } from './downloads'
import { eventsView } from './events_view'
import { graphView, leaveGraph } from './graph_view'
import { extract, inputView, openFiles, setSchemas } from './input_view'
import { issuesView } from './issues_view'
import { loadProject, projectView, savedCount, saveGold } from './project_view'
import { relationsView } from './relations_view'
import { begin, current, listen, state, type Tab, undo, update, visibleDoc } from './state'
import { say, sayError, statusLine } from './status'
import { keepSelection, takeSelection, textView } from './text_view'
import { getLanguage, type Language, setLanguage, t, type Word } from './words'

const TABS: [Tab, Word][] = [
  ['text', 'tabText'],
  ['relations', 'tabRelations'],
  ['events', 'tabEvents'],
  ['graph', 'tabGraph'],
  ['issues', 'tabIssues'],
  ['project', 'tabProject'],
]
const VIEWS: Record<Tab, () => (HTMLElement | false)[]> = {
  text: textView,
  relations: relationsView,
  events: eventsView,
  graph: graphView,
  issues: issuesView,
  project: projectView,
}

const header = h('header', { class: 'top' })
const input = h('section', { class: 'box input', id: 'input' })
const bar = h('div', { class: 'bar' })
const tabs = h('div', { role: 'tablist', class: 'tabs' })
const panel = h('div', { role: 'tabpanel', id: 'panel', class: 'panel' })
const result = h('section', { class: 'box result', id: 'result' }, bar, tabs, panel)

function draw(): void {
  const focused = place(document.activeElement)
  const typed = [...document.querySelectorAll<HTMLInputElement>('.picker input')].map(({ id, value }) => [id, value])
  const scrolled = document.querySelector('#annotated')?.scrollTop ?? 0
  drawHeader()
  replace(input, ...inputView())
  drawBar()
  drawTabs()
  leaveGraph()
  const needsDocument = state.tab !== 'project'
  panel.setAttribute('aria-labelledby', `tab-${state.tab}`)
  if (needsDocument && !current()) replace(panel, h('p', { class: 'empty' }, t('nothingYet')))
  else replace(panel, ...VIEWS[state.tab]())
  const text = document.querySelector('#annotated')
  if (text && scrolled) text.scrollTop = scrolled
  for (const [id, value] of typed) {
    const input = document.getElementById(id) as HTMLInputElement | null
    if (!input || !value) continue
    input.value = value
    input.dispatchEvent(new Event('input'))
  }
  focused?.()
  keepSelection()
}

// Remember what has the focus by where it stands, and give it back once all is drawn anew.
function place(element: Element | null): (() => void) | null {
  const root = element?.closest('#page, dialog')
  if (!element || !root || root === element || root.tagName === 'DIALOG') return null
  if (element.id) return () => document.getElementById(element.id)?.focus({ preventScroll: true })
  const label = element.getAttribute('aria-label') ?? element.textContent
  const same = (other: Element): boolean => (other.getAttribute('aria-label') ?? other.textContent) === label
  const section = element.closest('[id]')?.id
  const inside = (): HTMLElement[] => [...(document.getElementById(section ?? 'page')?.querySelectorAll<HTMLElement>(element.tagName) ?? [])].filter(same)
  const number = inside().indexOf(element as HTMLElement)
  return () => inside()[number]?.focus({ preventScroll: true })
}

function drawHeader(): void {
  document.title = t('title')
  replace(
    header,
    h('h1', {}, t('title')),
    statusLine,
    h('div', { class: 'row' },
      button(t('language'), () => language(getLanguage() === 'zh' ? 'en' : 'zh'), { id: 'language', lang: getLanguage() === 'zh' ? 'en' : 'zh' }),
      button(t('theme'), theme, { id: 'theme' })),
  )
}

function language(to: Language): void {
  setLanguage(to)
  localStorage.setItem('chinchilla-language', to)
  say('')
  update()
}

function theme(): void {
  const root = document.documentElement
  const isDark = root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches
  root.dataset.theme = isDark ? 'light' : 'dark'
  localStorage.setItem('chinchilla-theme', root.dataset.theme)
  update()
}

function drawBar(): void {
  const count = state.documents.length
  const go = (step: number): void => update({ current: state.current + step, past: [], selection: null })
  replace(
    bar,
    h('h2', {}, t('result')),
    count > 1 && h('div', { class: 'row', role: 'group', 'aria-label': t('document') },
      button('‹', () => go(-1), { disabled: state.current === 0, 'aria-label': t('previous') }),
      h('span', {}, t('ofAll', { n: state.current + 1, all: count })),
      button('›', () => go(1), { disabled: state.current === count - 1, 'aria-label': t('next') })),
    current() !== null && threshold(),
    current() !== null && h('div', { class: 'row' },
      button(t('correct'), () => update({ editing: !state.editing, selection: null }), { 'aria-pressed': String(state.editing), id: 'correct' }),
      state.editing && button(t('undo'), takeBack, { id: 'undo', disabled: !state.past.length }),
      state.about.project && button(`${t('saveGold')}${savedCount() === null ? '' : ` (${savedCount()})`}`, () => void saveGold(), { id: 'save-gold', title: t('saveHint') })),
    current() !== null && downloads(),
  )
}

function takeBack(): void {
  if (undo()) say(t('undone'))
}

const slider = h('input', { type: 'range', id: 'threshold', min: 0, max: 1, step: 0.01, value: 0, on: { input: () => update({ threshold: Number(slider.value) }) } })

function threshold(): HTMLElement {
  return field(t('threshold'), slider, h('output', { for: 'threshold', class: 'figure' }, state.threshold.toFixed(2)))
}

function drawTabs(): void {
  const doc = visibleDoc()
  const counts: Partial<Record<Tab, number>> = doc
    ? { text: doc.entities.length, relations: doc.relations.length, events: doc.events.length, issues: doc.issues.length }
    : {}
  replace(
    tabs,
    ...TABS.map(([name, word]) => {
      const isOn = name === state.tab
      const count = counts[name]
      return h('button', {
        type: 'button', role: 'tab', id: `tab-${name}`, tabindex: isOn ? 0 : -1,
        'aria-selected': String(isOn), 'aria-controls': 'panel',
        on: { click: () => update({ tab: name }), keydown: (event) => moveTab(event, name) },
      }, t(word), count !== undefined && h('span', { class: 'number' }, count))
    }),
  )
}

function moveTab(event: KeyboardEvent, from: Tab): void {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key]
  if (!step) return
  event.preventDefault()
  const at = TABS.findIndex(([name]) => name === from)
  const to = TABS[(at + step + TABS.length) % TABS.length][0]
  update({ tab: to })
  requestAnimationFrame(() => requestAnimationFrame(() => document.getElementById(`tab-${to}`)?.focus()))
}

function askToken(): Promise<string | null> {
  return new Promise((resolve) => {
    const typed = h('input', { type: 'password', autocomplete: 'off', id: 'token' })
    const dialog = h('dialog', { class: 'popup', 'aria-label': t('token') })
    const end = (value: string | null): void => {
      dialog.close()
      dialog.remove()
      resolve(value)
    }
    typed.addEventListener('keydown', (event) => event.key === 'Enter' && end(typed.value))
    dialog.addEventListener('cancel', () => end(null))
    dialog.append(field(t('token'), typed), h('div', { class: 'row' }, button(t('ok'), () => end(typed.value), { class: 'primary' }), button(t('cancel'), () => end(null))))
    document.body.append(dialog)
    dialog.showModal()
  })
}

function listenToKeys(): void {
  document.addEventListener('keydown', (event) => {
    const isCommand = event.ctrlKey || event.metaKey
    const isTyping = (event.target as Element).matches('input, textarea')
    if (isCommand && event.key === 'Enter') {
      event.preventDefault()
      void extract()
    } else if (isCommand && event.key === 'z' && state.editing && !isTyping) {
      event.preventDefault()
      takeBack()
    }
  })
  document.addEventListener('selectionchange', takeSelection)
  document.addEventListener('dragover', (event) => event.preventDefault())
  document.addEventListener('drop', (event) => {
    const files = event.dataTransfer?.files
    if (!files?.length) return
    event.preventDefault()
    void openFiles(files)
  })
}

async function start(): Promise<void> {
  const kept = localStorage.getItem('chinchilla-language')
  setLanguage(kept === 'en' || kept === 'zh' ? kept : navigator.language.startsWith('zh') ? 'zh' : 'en')
  const look = localStorage.getItem('chinchilla-theme')
  if (look) document.documentElement.dataset.theme = look
  const page = document.querySelector('#page')!
  page.append(header, h('main', {}, input, result))
  api.onToken(askToken)
  try {
    const about = await api.about()
    setSchemas(await api.schemas())
    const tasks = new Set((['entities', 'relations', 'events'] as const).flatMap((list, i) => (about.schema[list].length ? [['ner', 're', 'ee'][i]] : [])))
    begin({
      about, schema: about.schema, schemaName: about.schema.name, projectSchema: null, tasks, model: about.models[0],
      documents: [], current: 0, past: [], threshold: 0, layers: new Set(['entities', 'triggers']),
      hiddenTypes: new Set(), editing: false, selection: null, tab: 'text', untrained: {},
    })
    listen(draw)
    listenToKeys()
    draw()
    await loadProject()
  } catch (error) {
    replace(page, h('main', {}, h('h1', {}, t('title')), statusLine))
    sayError(error)
  }
}

void start()
