// What this build knows of commands, fields and formats (N17). A change that an older build could not read gets the next number
// here, and is written only once the feature level of the cluster has reached it.

/** The highest feature level of this build. */
export const FEATURE_LEVEL = 1;
