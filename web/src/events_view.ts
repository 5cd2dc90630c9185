// Events as cards: a trigger, and who plays which role.

import { addArgument, addEvent, changeRole, deleteArgument, deleteEvent, retypeEvent } from './edits'
import { button, field, h, select, shown } from './dom'
import { mentionPicker, mentionText, place, rolesOf, typeNames } from './parts'
import { current, edit, hue, state, update, visibleDoc } from './state'
import { say } from './status'
import type { Argument, EventFact } from './types'
import { t } from './words'

const CARDS = 60
let cards = CARDS
let newType = ''

export function eventsView(): (HTMLElement | false)[] {
  const doc = visibleDoc()!
  const all = current()!.events
  // The visible event is a copy; it is known by its trigger object.
  const indexes = new Map(all.map((event, i) => [event.trigger ?? event, i]))
  let last = -1
  const shownEvents = doc.events.slice(0, cards).map((event) => {
    last = event.trigger ? indexes.get(event.trigger)! : all.findIndex((one, i) => i > last && one.type === event.type && !one.trigger)
    return card(event, last)
  })
  const more = doc.events.length - cards
  return [
    state.editing && adder(),
    doc.events.length ? h('div', { class: 'cards' }, ...shownEvents) : h('p', { class: 'empty' }, t('noEvents')),
    more > 0 && button(`+ ${more}`, () => { cards += 200; update() }),
  ]
}

function card(event: EventFact, index: number): HTMLElement {
  const all = current()!.events[index]
  const names = typeNames('events')
  if (!names.includes(event.type)) names.unshift(event.type)
  const element = h(
    'article',
    { class: 'card' },
    h(
      'header',
      {},
      state.editing
        ? select(names, event.type, (type) => edit(retypeEvent(current()!, index, type, rolesOf(type))), { 'aria-label': t('type') })
        : h('h3', {}, event.type),
      event.score !== undefined && h('span', { class: 'figure' }, event.score.toFixed(2)),
    ),
    h('dl', {},
      h('dt', {}, t('trigger')),
      h('dd', {}, event.trigger ? mentionText(event.trigger) : t('noTrigger'), event.trigger && h('small', {}, place(event.trigger))),
      ...event.arguments.flatMap((argument) => row(event, index, argument, all.arguments.indexOf(argument)))),
    state.editing && tools(event, index),
  )
  element.style.setProperty('--hue', String(hue(event.type)))
  return element
}

function row(event: EventFact, index: number, argument: Argument, at: number): HTMLElement[] {
  const roles = rolesOf(event.type)
  if (!roles.includes(argument.role)) roles.unshift(argument.role)
  const score = argument.score === undefined ? '' : ` · ${argument.score.toFixed(2)}`
  return [
    h('dt', {}, state.editing
      ? select(roles, argument.role, (role) => edit(changeRole(current()!, index, at, role)), { 'aria-label': `${t('role')} ${shown(argument.text)}` })
      : argument.role),
    h('dd', {}, mentionText(argument), h('small', {}, place(argument) + score),
      state.editing && button('×', () => { edit(deleteArgument(current()!, index, at)); say(t('deleted')) }, { 'aria-label': t('deleteThis', { name: `${argument.role} ${argument.text}` }) })),
  ]
}

function tools(event: EventFact, index: number): HTMLElement {
  const roles = rolesOf(event.type)
  let role = roles[0] ?? ''
  return h(
    'div',
    { class: 'tools' },
    roles.length > 0 && h('div', {},
      field(t('role'), select(roles, role, (value) => (role = value), { id: `role-${index}` })),
      mentionPicker(`argument-${index}`, t('addArgument'), (mention) => edit(addArgument(current()!, index, { role, ...mention })))),
    button(t('delete'), () => { edit(deleteEvent(current()!, index)); say(t('deleted')) }, { class: 'danger', 'aria-label': t('deleteThis', { name: event.type }) }),
  )
}

function adder(): HTMLElement {
  const types = typeNames('events')
  if (!types.length) return h('p', { class: 'hint' }, t('noEventTypes'))
  if (!types.includes(newType)) newType = types[0]
  return h(
    'section',
    { class: 'toolbar', 'aria-label': t('addEvent') },
    h('h3', {}, t('addEvent')),
    field(t('type'), select(types, newType, (value) => (newType = value), { id: 'new-event' })),
    mentionPicker('event', t('trigger'), (mention) => edit(addEvent(current()!, newType, mention))),
  )
}
