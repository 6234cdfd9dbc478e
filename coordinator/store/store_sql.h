#pragma once

#include <cstddef>

#include "coordinator/store/store.h"

namespace remuda {

// The statements of Store, in the order of kStoreSqlTexts. For store.cc only.
enum Store::Sql : size_t {
  kBegin,
  kCommit,
  kInsertEvent,
  kInsertEvents,
  kInsertDefinition,
  kInsertJob,
  kUpdateJob,
  kCancelJob,
  kInsertSubmission,
  kInsertItems,
  kInsertChunk,
  kUpdateChunk,
  kInsertGrant,
  kDeleteGrant,
  kInsertResults,
  kInsertLog,
  kUpsertAgent,
  kLeaveAgent,
  kMark,
  kInsertFinding,
  kChooseExecutor,
  kPutChoice,
  kTrimChoices,
  kSelectItems,
};

constexpr const char* kStoreSqlTexts[] = {
    "BEGIN IMMEDIATE",
    "COMMIT",
    "INSERT INTO events VALUES (?, ?, ?, ?, ?)",
    "INSERT INTO events VALUES (?, ?, ?, ?, ?), (?, ?, ?, ?, ?), "
    "(?, ?, ?, ?, ?), (?, ?, ?, ?, ?), (?, ?, ?, ?, ?), (?, ?, ?, ?, ?), "
    "(?, ?, ?, ?, ?), (?, ?, ?, ?, ?)",
    "INSERT INTO definitions VALUES "
    "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    "INSERT INTO jobs (state, pending, running, succeeded, failed, "
    "timed_out, cancelled, lost, skipped, attempts, infrastructure_losses, "
    "started_at, finished_at, reason, job) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    "UPDATE jobs SET state = ?, pending = ?, running = ?, succeeded = ?, "
    "failed = ?, timed_out = ?, cancelled = ?, lost = ?, skipped = ?, "
    "attempts = ?, infrastructure_losses = ?, started_at = ?, "
    "finished_at = ?, reason = ? WHERE job = ?",
    "UPDATE jobs SET cancel_requested = 1 WHERE job = ?",
    "INSERT INTO submissions VALUES (?, ?, 1) "
    "ON CONFLICT (key) DO UPDATE SET jobs = jobs + 1",
    "INSERT INTO items VALUES (?, ?, ?)",
    "INSERT INTO chunks VALUES (?, ?, ?, ?)",
    "UPDATE chunks SET version = ?, state = ? "
    "WHERE job = ? AND chunk = ? AND version = ?",
    "INSERT INTO grants VALUES (?, ?, ?, ?, ?, ?, ?)",
    "DELETE FROM grants WHERE id BETWEEN ? AND ?",
    "INSERT INTO results VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    // Sent again by an agent that did not hear the ack: the same bytes.
    "INSERT OR IGNORE INTO logs VALUES (?, ?, ?, ?, ?, ?)",
    "INSERT INTO agents VALUES (?, ?, ?, ?, ?, NULL) ON CONFLICT (id) DO "
    "UPDATE SET instance = excluded.instance, name = excluded.name, "
    "body = excluded.body, registered_at = excluded.registered_at, "
    "left_at = NULL",
    "UPDATE agents SET left_at = ? WHERE id = ?",
    "UPDATE meta SET value = ? WHERE name = ?",
    "INSERT OR REPLACE INTO findings VALUES (?, ?, ?)",
    "UPDATE jobs SET moves = moves + (?1 <> COALESCE(executor, (SELECT "
    "d.executor FROM definitions d WHERE d.job = ?3))), executor = ?1, "
    "executor_reason = ?2 WHERE job = ?3",
    "INSERT OR REPLACE INTO choices VALUES (?, ?, ?, ?, (SELECT "
    "COALESCE(MAX(updated_at), 0) + 1 FROM choices), ?)",
    "DELETE FROM choices WHERE (SELECT COUNT(*) FROM choices) > ? AND "
    "updated_at = (SELECT MIN(updated_at) FROM choices)",
    "SELECT lines FROM items WHERE job = ? AND chunk = ?",
};

}  // namespace remuda
