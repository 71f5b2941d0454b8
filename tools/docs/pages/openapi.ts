// The description of the HTTP API, as the running admin-api serves it.
import { Validator } from '@seriousme/openapi-schema-validator';

import { createHttpApi } from '../../../apps/admin-api/src/http-api.ts';
import { RequestFigures } from '../../../apps/admin-api/src/metrics.ts';
import type { Cluster } from '../../../apps/admin-api/src/ports.ts';

/** The document as a file, and its paths. @throws RangeError when it is no valid OpenAPI 3.1 */
export async function describeApi(version: string): Promise<{ text: string; paths: string[] }> {
  const app = await createHttpApi({
    // Only described, never asked.
    cluster: {} as Cluster,
    isCurrent: () => false,
    verifyAdmin: () => Promise.resolve(null),
    version,
    bodyLimitBytes: 1024,
    requestTimeoutMs: 1000,
    figures: new RequestFigures(),
  });
  await app.ready();
  const document = app.swagger();
  await app.close();
  const validator = new Validator();
  const { valid, errors } = await validator.validate({ ...document });
  if (!valid) throw new RangeError(`the description of the API is no OpenAPI: ${JSON.stringify(errors)}`);
  if (validator.version !== '3.1')
    throw new RangeError(`the API is described in OpenAPI ${validator.version}`);
  const paths = Object.keys((document as { paths: object }).paths);
  return { text: `${JSON.stringify(document, undefined, 2)}\n`, paths };
}
