import type { DescField, Message } from '@bufbuild/protobuf';
import { isMessage } from '@bufbuild/protobuf';

/** The messages that stand in a field: itself, or the items of a list or map. */
export function messagesOf(field: DescField, message: Message): readonly Message[] {
  const { localName, oneof } = field;
  const chosen: OneofValue | undefined = oneof && Reflect.get(message, oneof.localName);
  const value = oneof === undefined ? Reflect.get(message, localName) : chosen?.case === localName && chosen.value;
  if (isMessage(value)) return [value];
  if (typeof value !== 'object' || value === null || field.fieldKind === 'message') return [];
  return Object.values(value).filter((item): item is Message => isMessage(item));
}

interface OneofValue {
  readonly case?: string;
  readonly value?: unknown;
}
