import { problemType, PROBLEMS } from '../contracts/api/problems.js';
import type { ProblemAnswer, ProblemName } from '../contracts/api/problems.js';

/** Thrown by a route to answer with a problem. Its detail is shown to the caller: no internals, no personal data. */
export class Problem extends Error {
  override readonly name = 'Problem';
  readonly problem: ProblemName;

  constructor(problem: ProblemName, detail: string, options?: ErrorOptions) {
    super(detail, options);
    this.problem = problem;
  }
}

/** The body of a problem, as RFC 9457 has it. */
export const problemBody = (problem: ProblemName, detail: string): ProblemAnswer => ({
  type: problemType(problem),
  title: PROBLEMS[problem].title,
  status: PROBLEMS[problem].status,
  detail,
});
