import { z } from 'zod';
import { aboutVariable, VARIABLES } from './config-variables.js';

/** The README's table of configuration variables, in markdown; a test keeps the README in step with it. */
export function renderConfigTable(): string {
  const rows = Object.entries(VARIABLES).map(([name, schema]) => {
    const { description, requiredBy } = aboutVariable.get(schema) ?? { description: '' };
    const byDefault = schema instanceof z.ZodPrefault ? `\`${schema.def.defaultValue}\`` : '';
    return `| \`${name}\` | ${byDefault} | ${description}${requiredBy ? `. Needed by ${requiredBy.join(', ')}` : ''} |`;
  });
  return ['| variable | default | what it is |', '|---|---|---|', ...rows].join('\n');
}
