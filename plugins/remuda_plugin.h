/* Version 1 of what a Remuda plugin and its host say to each other: C99.
 *
 * A plugin is a shared object that adds job types. It exports one function,
 * remuda_plugin(), which returns its manifest. Remuda loads it only in worker
 * processes, and for its manifest in a child of a few seconds, so a plugin
 * that crashes costs its task alone.
 *
 * All that a manifest points to must stay as it is until the process ends.
 * Text is UTF-8 and ends with a zero, except where a length is given.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define REMUDA_PLUGIN_ABI 1u

/* One run of a task. It is valid until run() returns. */
typedef struct remuda_task remuda_task;

/* What a plugin may ask of its host, on the thread that is in run(). */
typedef struct remuda_host {
  uint32_t size; /* of this struct, in the host; later versions add members */

  /* How the task ended. The last call wins; without one the task failed.
   * The bytes are copied. succeed() takes one JSON value. */
  void (*succeed)(remuda_task* task, const char* json, size_t length);
  void (*fail)(remuda_task* task, const char* text, size_t length);

  /* Not 0 once the task should stop, as it was cancelled or took too long.
   * Who returns then without an ending was stopped. May be asked often. */
  int (*stop_requested)(remuda_task* task);
} remuda_host;

/* A parameter of a job type, under `with:` in the job's spec. */
typedef struct remuda_parameter {
  const char* name;
  const char* kind; /* text, integer, number, bool, list, map or any */
  int required;
  const char* meaning; /* one sentence */
} remuda_parameter;

typedef struct remuda_job_type {
  const char* name;     /* vendor.type: a-z 0-9 _ with at least one dot */
  const char* meaning;  /* one sentence */
  const char* workload; /* io, blocking, cpu or vectorized */
  const remuda_parameter* parameters;
  size_t parameter_count;

  /* What is made once a worker before its first task of this type and given
   * to each run(). Both null: nothing. A worker that ends frees nothing. */
  void* (*make_state)(void);
  void (*free_state)(void* state);

  /* Runs one task and returns when it has ended. `parameters` is a JSON
   * object. No exception may leave it. */
  void (*run)(const remuda_host* host, remuda_task* task, void* state,
              const char* parameters, size_t length);
} remuda_job_type;

typedef struct remuda_manifest {
  uint32_t abi;           /* REMUDA_PLUGIN_ABI */
  uint32_t job_type_size; /* sizeof(remuda_job_type) */
  const char* name;       /* of the plugin, for people */
  const char* version;    /* of the plugin, for people */
  const remuda_job_type* job_types;
  size_t job_type_count;
} remuda_manifest;

/* The one symbol of a plugin. */
const remuda_manifest* remuda_plugin(void);

#ifdef __cplusplus
}
#endif
