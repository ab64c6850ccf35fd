import type { AccessLogSpec, LogFormat, LogValue } from '../../model/mesh-config.ts';
import type { LowerContext } from '../kind-definition.ts';
import { logFormatProblem } from '../log-format.ts';

interface Written {
  readonly accessLogFile?: string;
  readonly accessLogFormat?: string;
  readonly accessLogEncoding?: 'TEXT' | 'JSON';
}

/** D28: without a file nothing is logged; an empty format is the default one. */
export function lowerAccessLog(written: Written, context: LowerContext): AccessLogSpec | undefined {
  const { accessLogFile: file = '', accessLogFormat: text = '', accessLogEncoding: encoding = 'TEXT' } = written;
  const format = text === '' ? undefined : encoding === 'JSON' ? jsonFormat(text, context) : text;
  if (format !== undefined) checkTexts(format, context);
  if (file === '') return undefined;
  return format === undefined ? { file, encoding } : { file, encoding, format };
}

const field = 'accessLogFormat';

function jsonFormat(text: string, context: LowerContext): LogFormat | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as LogFormat;
  const hint = 'write {"status": "%RESPONSE_CODE%"} or such, or accessLogEncoding: TEXT';
  context.report('WEFT0002', field, 'expected an object as JSON text beside accessLogEncoding JSON', hint);
  return undefined;
}

function checkTexts(value: LogValue, context: LowerContext): void {
  if (typeof value === 'string') checkText(value, context);
  else if (typeof value === 'object' && value !== null) {
    for (const inner of Object.values<LogValue>(value)) checkTexts(inner, context);
  }
}

function checkText(text: string, context: LowerContext): void {
  const problem = logFormatProblem(text);
  if (problem === undefined) return;
  if (problem.kind === 'refused') context.refuse(field, problem.tier, problem.what);
  else context.report('WEFT0002', field, `expected ${problem.expected}`, problem.hint);
}
