#include "coordinator/api/exchange.h"

#include <algorithm>
#include <utility>

#include "base/random.h"
#include "coordinator/api/spec_body.h"
#include "jobs/job_json.h"
#include "wire/reply_json.h"

namespace remuda {
namespace {

Problem Busy(const std::string& detail) {
  return {.status = 503, .detail = detail, .headers = {{"Retry-After", "1"}}};
}

}  // namespace

Exchange::Exchange(ExchangeContext& context, Request request,
                   OnAnswer on_answer)
    : context_(context),
      request_(std::move(request)),
      on_answer_(std::move(on_answer)) {
  // Later, so that whoever starts it has it before it ends.
  context_.mailbox->Post([this, alive = alive_] {
    if (*alive) Start();
  });
}

Exchange::~Exchange() { *alive_ = false; }

void Exchange::Start() {
  const Route route = request_.match.facts->route;
  if (route == Route::kGetOpenApi) return Finish(OpenApiAnswer());
  if (route == Route::kSubmitJobs &&
      MayUse(request_.identity.role, route) != Permission::kDenied) {
    return ReadBody();
  }
  auto request = RequestOf(request_.match);
  if (const auto* problem = std::get_if<Problem>(&request)) {
    return Finish(AnswerOf(*problem));
  }
  auto& asked = std::get<ClientRequest>(request);
  if (const auto* logs = std::get_if<GetLogs>(&asked)) return AskForTask(*logs);
  Ask(std::move(asked), [this](const ClientReply& reply) {
    Finish(AnswerOf(request_.match, request_.identity, reply,
                    context_.clock.WallNow()));
  });
}

void Exchange::Ask(ClientRequest request, DoorQuestion::OnReply on_reply) {
  question_ = std::make_unique<DoorQuestion>(
      context_.door, context_.mailbox, request_.identity, std::move(request),
      std::move(on_reply));
}

void Exchange::Finish(Answer answer) {
  question_.reset();
  // A copy, as the call may end this.
  const OnAnswer on_answer = on_answer_;
  on_answer(std::move(answer));
}

void Exchange::ReadBody() {
  const bool taken = context_.offload(
      [this, alive = alive_, mailbox = context_.mailbox,
       body = std::move(request_.body), content_type = request_.content_type] {
        // Shared, because a task is copied.
        auto read = std::make_shared<Read>(ReadSpecBody(body, content_type));
        mailbox->Post([this, alive, read] {
          if (*alive) OnRead(std::move(*read));
        });
      });
  if (!taken) Finish(AnswerOf(Busy("too many specs are being read")));
}

void Exchange::OnRead(Read read) {
  if (const auto* problem = std::get_if<Problem>(&read)) {
    return Finish(AnswerOf(*problem));
  }
  jobs_ = std::move(std::get<std::vector<ResolvedJob>>(read));
  if (request_.key.empty()) request_.key = RandomHex(16);
  UploadNext();
}

void Exchange::UploadNext() {
  while (document_ < jobs_.size() &&
         offset_ >= jobs_[document_].items.bytes().size()) {
    ++document_;
    offset_ = 0;
  }
  if (document_ < jobs_.size()) {
    UploadItems piece = {.key = request_.key,
                         .document = document_,
                         .offset = offset_,
                         .bytes = jobs_[document_].items.bytes().substr(
                             offset_, UploadItems::kBytesMax)};
    Ask(std::move(piece),
        [this](const ClientReply& reply) { OnUploaded(reply); });
    return;
  }
  Submit submit = {.key = request_.key};
  for (const ResolvedJob& job : jobs_) {
    submit.jobs.push_back(JobToJson(job.job));
  }
  Ask(std::move(submit), [this](const ClientReply& reply) {
    Finish(AnswerOf(request_.match, request_.identity, reply,
                    context_.clock.WallNow()));
  });
}

void Exchange::OnUploaded(const ClientReply& reply) {
  const auto* taken = std::get_if<UploadAccepted>(&reply);
  if (taken == nullptr) {
    return Finish(AnswerOf(request_.match, request_.identity, reply,
                           context_.clock.WallNow()));
  }
  const uint64_t size = jobs_[document_].items.bytes().size();
  if (taken->bytes > size) {
    return Finish(AnswerOf(Problem{
        .status = 409, .detail = "this key was used for another submission"}));
  }
  // Others needed the room meanwhile; the request can be made again.
  if (taken->bytes <= offset_) {
    return Finish(AnswerOf(Busy("the items were not kept; try again")));
  }
  offset_ = taken->bytes;
  UploadNext();
}

void Exchange::AskForTask(const GetLogs& logs) {
  Ask(GetResults{.job = logs.job, .first = logs.task, .limit = 1},
      [this, logs](const ClientReply& reply) {
        const auto* page = std::get_if<ResultPage>(&reply);
        const auto* error = std::get_if<RequestError>(&reply);
        // What the path names is there or not; it cannot be wrong.
        if (error != nullptr && error->code == RequestError::Code::kInvalid) {
          return Finish(
              AnswerOf(Problem{.status = 404, .detail = error->message}));
        }
        if (page == nullptr) {
          return Finish(AnswerOf(request_.match, request_.identity, reply,
                                 context_.clock.WallNow()));
        }
        if (page->tasks.empty() || page->tasks[0].index != logs.task) {
          return Finish(AnswerOf(
              Problem{.status = 404,
                      .detail = "job " + std::to_string(logs.job.value) +
                                " has no task " + std::to_string(logs.task)}));
        }
        AskForLog(logs, page->tasks[0]);
      });
}

void Exchange::AskForLog(const GetLogs& logs, const TaskRow& task) {
  Ask(logs, [this, logs, task](const ClientReply& reply) {
    const auto* page = std::get_if<LogPage>(&reply);
    if (page == nullptr) {
      return Finish(AnswerOf(request_.match, request_.identity, reply,
                             context_.clock.WallNow()));
    }
    if (page->found) {
      return Finish(
          LogAnswer(page->bytes, page->next, page->end, page->truncated));
    }
    // Short output is part of the result.
    const std::string text =
        InlineStream(task.output, logs.stream == 1 ? "stdout" : "stderr");
    const uint64_t offset = std::min<uint64_t>(logs.offset, text.size());
    Finish(LogAnswer(text.substr(offset), text.size(), true, false));
  });
}

}  // namespace remuda
