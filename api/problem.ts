import { problemType, PROBLEMS } from '../contracts/api/problems.js';
import type { FieldError, ProblemAnswer, ProblemName } from '../contracts/api/problems.js';

interface ProblemOptions extends ErrorOptions {
  /** What is wrong with which field; shown to the caller. */
  readonly errors?: readonly FieldError[] | undefined;
}

/** Thrown by a route to answer with a problem. Its detail is shown to the caller: no internals, no personal data. */
export class Problem extends Error {
  override readonly name = 'Problem';
  readonly problem: ProblemName;
  readonly errors: readonly FieldError[] | undefined;

  constructor(problem: ProblemName, detail: string, { errors, ...options }: ProblemOptions = {}) {
    super(detail, options);
    this.problem = problem;
    this.errors = errors;
  }
}

/** The body of a problem, as RFC 9457 has it. */
export const problemBody = (problem: ProblemName, detail: string, errors?: readonly FieldError[]): ProblemAnswer => ({
  type: problemType(problem),
  title: PROBLEMS[problem].title,
  status: PROBLEMS[problem].status,
  detail,
  ...(errors ? { errors: [...errors] } : {}),
});
