export { NOVA_EVENTS, NOVA_EVENT_TYPES, novaTopicNames, topicsOf, type NovaEvent, type NovaEventEntry, type NovaEventOf, type NovaEventType } from './catalogue.js';
export { eventTypeOf, isNovaEventType, novaEventIdOf, parseNovaEvent, type Coordinates, type TopicMessage } from './parse-nova-event.js';
