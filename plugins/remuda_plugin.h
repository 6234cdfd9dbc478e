/* Version 2 of what a Remuda plugin and its host say to each other: C99.
 *
 * A plugin is a shared object that adds job types. It exports one function,
 * remuda_plugin(), which returns its manifest. Remuda loads it only in worker
 * processes, and for its manifest in a child of a few seconds, so a plugin
 * that crashes costs no agent.
 *
 * Structs grow at their end, and each side says how long its own are. A plugin
 * that was built with version 1 is taken as it is. One of a later version, or
 * one that was built with a longer remuda_host than this one's, is refused.
 *
 * All that a manifest points to must stay as it is until the process ends.
 * Text is UTF-8 and ends with a zero, except where a length is given. No
 * exception may leave a function of the plugin.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define REMUDA_PLUGIN_ABI 2u

/* One run of a task: until run() returns or, of a coroutine, until end(). */
typedef struct remuda_task remuda_task;

/* How a job type's code is written. */
#define REMUDA_BLOCKING 0u  /* run(): a function that may block */
#define REMUDA_COROUTINE 1u /* start(): gives way wherever it waits */

/* Flags of a job type. */
#define REMUDA_THREAD_SAFE 1u /* run() may be called on many threads */

/* Levels of log(). */
#define REMUDA_DEBUG 0
#define REMUDA_INFO 1
#define REMUDA_WARNING 2
#define REMUDA_ERROR 3

/* What wait_for_fd() waits for. */
#define REMUDA_READABLE 1u
#define REMUDA_WRITABLE 2u

/* What became of a wait. */
#define REMUDA_WAITS 0     /* it goes on; wake() will be called, once */
#define REMUDA_READY 1     /* what was waited for is there */
#define REMUDA_TIMED_OUT 2 /* the descriptor was not ready in time */
#define REMUDA_STOPPED 3   /* the task should stop: it waits for nothing now */
#define REMUDA_REFUSED 4   /* it cannot be waited for, or is no coroutine's */

/* Called on the loop's thread when a wait is over, never within the call that
 * began it. */
typedef void (*remuda_wake)(void* data, int outcome);

/* What identifies a run, for messages and file names. */
typedef struct remuda_task_facts {
  uint64_t job;
  uint64_t index;   /* of the task in its job, from 0 */
  uint64_t attempt; /* rises with each try of the task */
} remuda_task_facts;

/* What a plugin may ask of its host. On the thread that is in run() or on the
 * loop's, unless "any thread" is said. */
typedef struct remuda_host {
  uint32_t size; /* of this struct, in the host */

  /* How the task ended. The last call wins; without one the task failed.
   * The bytes are copied. succeed() takes one JSON value. */
  void (*succeed)(remuda_task* task, const char* json, size_t length);
  void (*fail)(remuda_task* task, const char* text, size_t length);

  /* Any thread. Not 0 once the task should stop, as it was cancelled or took
   * too long. Who ends then without an ending was stopped. Costs nothing. */
  int (*stop_requested)(remuda_task* task);

  /* From here on version 2. */

  void (*facts)(remuda_task* task, remuda_task_facts* facts);

  /* Any thread. A line of the task's log. */
  void (*log)(remuda_task* task, int level, const char* text, size_t length);

  /* Any thread. From 0 to 1; what comes too often is left out. */
  void (*progress)(remuda_task* task, double fraction, const char* text,
                   size_t length);

  /* Calls stopped(data) once when the task should stop, at once if it should
   * already: of run() on another thread, of a coroutine on the loop's. There
   * is one at a time; null takes it back and returns when no call of it is
   * under way. */
  void (*on_stop)(remuda_task* task, void (*stopped)(void* data), void* data);

  /* What make_thread_state() made for this thread. */
  void* (*thread_state)(remuda_task* task);

  /* For coroutines, each of which waits for one thing at a time. Another
   * answer than REMUDA_WAITS says that the wait is over already, and wake() is
   * not called. A task that should stop is woken with REMUDA_STOPPED. */

  /* 0 gives way to the others on the loop once. */
  int (*wait_for_time)(remuda_task* task, uint64_t nanoseconds,
                       remuda_wake wake, void* data);

  /* At most so many nanoseconds; 0: for ever. The descriptor must stay open
   * meanwhile, and nobody else of this worker may wait for it. */
  int (*wait_for_fd)(remuda_task* task, int fd, uint32_t events,
                     uint64_t nanoseconds, remuda_wake wake, void* data);

  /* Calls work(data) on another thread of the worker, where it may block or
   * compute, and wakes the task when it has returned, also if it should stop.
   */
  int (*wait_for_work)(remuda_task* task, void (*work)(void* data),
                       remuda_wake wake, void* data);

  /* A coroutine's task is over; the last that is said of it. */
  void (*end)(remuda_task* task);
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

  /* What is made once a worker, before its first task of this type, and given
   * to each task. Both null: nothing. Freed when a worker ends in peace. */
  void* (*make_state)(void);
  void (*free_state)(void* state);

  /* Blocking: runs one task and returns when it has ended. `parameters` is a
   * JSON object. */
  void (*run)(const remuda_host* host, remuda_task* task, void* state,
              const char* parameters, size_t length);

  /* From here on version 2. */

  uint32_t form;  /* REMUDA_BLOCKING or REMUDA_COROUTINE */
  uint32_t flags; /* REMUDA_THREAD_SAFE, or 0 */

  /* Blocking: what is made once a thread and never shared. Both null: nothing.
   * Made and freed on that thread. */
  void* (*make_thread_state)(void* state);
  void (*free_thread_state)(void* thread_state);

  /* Coroutine: begins a task and returns when it waits or has ended. The
   * parameters are there until end(). */
  void (*start)(const remuda_host* host, remuda_task* task, void* state,
                const char* parameters, size_t length);
} remuda_job_type;

typedef struct remuda_manifest {
  uint32_t abi;           /* REMUDA_PLUGIN_ABI */
  uint32_t job_type_size; /* sizeof(remuda_job_type) */
  const char* name;       /* of the plugin, for people */
  const char* version;    /* of the plugin, for people */
  const remuda_job_type* job_types;
  size_t job_type_count;

  /* From here on version 2. */

  uint32_t host_size;      /* sizeof(remuda_host) */
  uint32_t parameter_size; /* sizeof(remuda_parameter) */
} remuda_manifest;

/* The one symbol of a plugin. */
const remuda_manifest* remuda_plugin(void);

#ifdef __cplusplus
}
#endif
