#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "coordinator/api/answers.h"
#include "coordinator/api/door_question.h"
#include "coordinator/api/mailbox.h"
#include "coordinator/api/problem.h"
#include "coordinator/api/routes.h"
#include "coordinator/server/request_door.h"
#include "jobs/item_files.h"
#include "wire/access.h"

namespace remuda {

// What exchanges work with.
struct ExchangeContext {
  RequestDoor& door;
  std::shared_ptr<Mailbox> mailbox;  // shared with the other threads
  const Clock& clock;
  // Runs a task on the worker thread; false if too many wait.
  std::function<bool(std::function<void()>)> offload;
};

// One request that was let in, from its questions to the coordinator to its
// answer. Knows nothing of connections, and decides nothing about who may.
//
// Thread: confined to the API's.
// Lifetime: destruction gives the request up; what was asked may still happen.
class Exchange {
 public:
  struct Request {
    RouteMatch match;
    Identity identity;
    // Of a submission.
    std::string content_type;
    std::string key;  // empty: a random one
    std::string body;
  };
  // Called once, in a later turn than the start, or never after destruction.
  // May destroy the exchange.
  using OnAnswer = std::function<void(Answer)>;

  Exchange(ExchangeContext& context, Request request, OnAnswer on_answer);
  ~Exchange();
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

 private:
  using Read = std::variant<std::vector<ResolvedJob>, Problem>;

  void Start();
  void Ask(ClientRequest request, DoorQuestion::OnReply on_reply);
  void Finish(Answer answer);

  // A submission, step by step.
  void ReadBody();
  void OnRead(Read read);
  void UploadNext();
  void OnUploaded(const ClientReply& reply);

  // A log, from where it is kept.
  void AskForTask(const GetLogs& logs);
  void AskForLog(const GetLogs& logs, const TaskRow& task);

  ExchangeContext& context_;
  Request request_;
  OnAnswer on_answer_;
  std::unique_ptr<DoorQuestion> question_;
  std::vector<ResolvedJob> jobs_;
  uint32_t document_ = 0;
  uint64_t offset_ = 0;
  // Tells what comes from other threads that nobody waits any more.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace remuda
