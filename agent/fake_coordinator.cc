#include "agent/fake_coordinator.h"

#include <utility>
#include <variant>

#include "base/check.h"

namespace remuda {

FakeCoordinator::FakeCoordinator(WireContext& context, EventLoop& loop,
                                 const std::string& endpoint, Term term)
    : term_(term) {
  auto router = RouterSocket::Bind(
      {.endpoint = endpoint}, context, loop,
      [this](WirePeer peer, std::string_view frame) { OnFrame(peer, frame); });
  CHECK_OK(router);
  router_ = *std::move(router);
}

void FakeCoordinator::Send(const CoordinatorMessage& message) {
  const bool opens = std::holds_alternative<Refusal>(message);
  const absl::Status sent =
      router_->Send(peer_, EncodeCoordinator(message, opens ? Term{} : term_,
                                             opens ? SessionId{} : session_));
  // What an agent said last may be read when it has already left.
  CHECK(sent.ok() || absl::IsNotFound(sent));
}

void FakeCoordinator::OnFrame(WirePeer peer, std::string_view frame) {
  auto incoming = DecodeIncoming(frame);
  CHECK_OK(incoming);
  AgentFrame& from = std::get<AgentFrame>(*incoming);
  peer_ = peer;
  if (const auto* hello = std::get_if<Hello>(&from.message)) {
    On(*hello);
    return;
  }
  if (from.term != term_ || from.session != session_) {
    ++strays;
    Send(Refusal{.code = Refusal::Code::kUnknownSession, .reason = "who?"});
    return;
  }
  if (auto* heartbeat = std::get_if<Heartbeat>(&from.message)) {
    heartbeats.push_back(*heartbeat);
    Send(HeartbeatAck{.sequence = heartbeat->sequence});
  } else if (auto* ended = std::get_if<Results>(&from.message)) {
    results.push_back(*ended);
    Take(ended->sequence);
  } else if (auto* chunk = std::get_if<LogChunk>(&from.message)) {
    chunks.push_back(*chunk);
    Take(chunk->sequence);
  } else if (auto* goodbye = std::get_if<Goodbye>(&from.message)) {
    goodbyes.push_back(*goodbye);
  } else if (const auto* told = std::get_if<Findings>(&from.message)) {
    findings.push_back(*told);
  }
}

void FakeCoordinator::On(const Hello& hello) {
  hellos.push_back(hello);
  if (refuse_hello.has_value()) {
    Send(*refuse_hello);
    return;
  }
  ++session_.value;
  next_sequence_ = hello.results_first;
  Send(Welcome{.term = term_,
               .session = session_,
               .agent = {1},
               .lease = std::chrono::seconds(30),
               .heartbeat_interval = std::chrono::milliseconds(100)});
}

void FakeCoordinator::Take(uint64_t sequence) {
  // Gaps would lose results without anybody noticing.
  CHECK_EQ(sequence, next_sequence_);
  ++next_sequence_;
  if (acks_results) Send(ResultsAck{.up_to = sequence});
}

std::map<TaskIndex, std::vector<AttemptRecord>> FakeCoordinator::Records()
    const {
  std::map<TaskIndex, std::vector<AttemptRecord>> records;
  for (const Results& message : results) {
    for (const EndedBatch& batch : message.batches) {
      if (batch.records.empty()) continue;
      auto decoded = DecodeAttemptRecords(batch.records);
      CHECK_OK(decoded);
      for (AttemptRecord& record : *decoded) {
        records[record.task].push_back(std::move(record));
      }
    }
  }
  return records;
}

}  // namespace remuda
