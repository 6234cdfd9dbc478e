#include "wire/codec.h"

#include <array>
#include <cstring>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "base/check.h"
#include "wire/agent_bodies.h"
#include "wire/client_bodies.h"
#include "wire/frame_types.h"

namespace remuda {
namespace {

using frame_types::kAgentBase;
using frame_types::kCoordinatorBase;
using frame_types::kEnd;
using frame_types::kReplyBase;
using frame_types::kRequestBase;

constexpr std::string_view kMagic = "RMDA";

// Where the fields are; all numbers have their least significant byte first.
constexpr size_t kVersionAt = 4;  // 2 bytes
constexpr size_t kTypeAt = 6;     // 1 byte
constexpr size_t kFlagsAt = 7;    // 1 byte, 0 in this version
constexpr size_t kLengthAt = 8;   // 4 bytes, of the body
constexpr size_t kTermAt = 12;
constexpr size_t kSessionAt = 20;
constexpr size_t kNumberAt = 28;
static_assert(kNumberAt + 8 == kFrameHeaderBytes);

void Store(std::string& frame, size_t at, uint64_t value, size_t bytes) {
  for (size_t i = 0; i < bytes; ++i) {
    frame[at + i] = static_cast<char>((value >> (8 * i)) & 0xff);
  }
}

uint64_t Load(std::string_view frame, size_t at, size_t bytes) {
  uint64_t value = 0;
  for (size_t i = 0; i < bytes; ++i) {
    value |= uint64_t{static_cast<uint8_t>(frame[at + i])} << (8 * i);
  }
  return value;
}

struct Fields {
  uint8_t type = 0;
  Term term;
  SessionId session;
  uint64_t number = 0;
};

// `frame` has room for the header in front.
std::string Finish(std::string frame, const Fields& fields) {
  // Far beyond what any socket lets through; the length must fit its field.
  CHECK(frame.size() < (size_t{1} << 31));
  std::memcpy(frame.data(), kMagic.data(), kMagic.size());
  Store(frame, kVersionAt, kProtocolMax, 2);
  Store(frame, kTypeAt, fields.type, 1);
  Store(frame, kLengthAt, frame.size() - kFrameHeaderBytes, 4);
  Store(frame, kTermAt, fields.term.value, 8);
  Store(frame, kSessionAt, fields.session.value, 8);
  Store(frame, kNumberAt, fields.number, 8);
  return frame;
}

// A header whose body this build can read.
absl::StatusOr<FrameHeader> DecodeReadableHeader(std::string_view frame) {
  absl::StatusOr<FrameHeader> header = DecodeHeader(frame);
  if (!header.ok()) return header;
  const bool any_version = header->type == frame_types::kRefusal ||
                           header->type == frame_types::kRequestError;
  if (!any_version &&
      (header->version < kProtocolMin || header->version > kProtocolMax)) {
    return absl::FailedPreconditionError(
        "the peer speaks protocol " + std::to_string(header->version) +
        ", this build " + std::to_string(kProtocolMin) + " to " +
        std::to_string(kProtocolMax));
  }
  return header;
}

std::string_view Body(std::string_view frame) {
  return frame.substr(kFrameHeaderBytes);
}

}  // namespace

std::string EncodeAgent(const AgentMessage& message, Term term,
                        SessionId session) {
  return Finish(SerializeBody(message, kFrameHeaderBytes),
                {.type = frame_types::TypeOf(message),
                 .term = term,
                 .session = session,
                 .number = SequenceOf(message)});
}

std::string EncodeCoordinator(const CoordinatorMessage& message, Term term,
                              SessionId session) {
  if (const auto* welcome = std::get_if<Welcome>(&message)) {
    term = welcome->term;
    session = welcome->session;
  }
  return Finish(SerializeBody(message, kFrameHeaderBytes),
                {.type = frame_types::TypeOf(message),
                 .term = term,
                 .session = session,
                 .number = SequenceOf(message)});
}

std::string EncodeRequest(const ClientRequest& request, uint64_t number) {
  return Finish(SerializeBody(request, kFrameHeaderBytes),
                {.type = frame_types::TypeOf(request),
                 .term = {},
                 .session = {},
                 .number = number});
}

std::string EncodeReply(const ClientReply& reply, uint64_t number) {
  return Finish(SerializeBody(reply, kFrameHeaderBytes),
                {.type = frame_types::TypeOf(reply),
                 .term = {},
                 .session = {},
                 .number = number});
}

absl::StatusOr<FrameHeader> DecodeHeader(std::string_view frame) {
  if (frame.size() < kFrameHeaderBytes) {
    return absl::InvalidArgumentError("frame is shorter than its header");
  }
  if (frame.size() > kFrameBytesCeiling) {
    return absl::InvalidArgumentError("frame is too long");
  }
  if (frame.substr(0, kMagic.size()) != kMagic) {
    return absl::InvalidArgumentError("not a frame of this protocol");
  }
  if (Load(frame, kLengthAt, 4) != frame.size() - kFrameHeaderBytes) {
    return absl::InvalidArgumentError("frame is cut or has more than its body");
  }
  if (Load(frame, kFlagsAt, 1) != 0) {
    return absl::InvalidArgumentError("unknown flags");
  }
  FrameHeader header{
      .version = static_cast<uint16_t>(Load(frame, kVersionAt, 2)),
      .type = static_cast<uint8_t>(Load(frame, kTypeAt, 1)),
      .kind = FrameKind::kAgent,
      .term = Term{Load(frame, kTermAt, 8)},
      .session = SessionId{Load(frame, kSessionAt, 8)},
      .number = Load(frame, kNumberAt, 8)};
  if (header.type < kAgentBase || header.type >= kEnd) {
    return absl::UnimplementedError("frame type of another version");
  }
  if (header.type >= kReplyBase) {
    header.kind = FrameKind::kReply;
  } else if (header.type >= kRequestBase) {
    header.kind = FrameKind::kRequest;
  } else if (header.type >= kCoordinatorBase) {
    header.kind = FrameKind::kCoordinator;
  }
  return header;
}

absl::StatusOr<IncomingFrame> DecodeIncoming(std::string_view frame) {
  const absl::StatusOr<FrameHeader> header = DecodeReadableHeader(frame);
  if (!header.ok()) return header.status();
  if (header->kind == FrameKind::kAgent) {
    auto message = ParseAgentBody(header->type, header->number, Body(frame));
    if (!message.ok()) return message.status();
    return IncomingFrame(AgentFrame{.term = header->term,
                                    .session = header->session,
                                    .message = *std::move(message)});
  }
  if (header->kind == FrameKind::kRequest) {
    auto request = ParseRequestBody(header->type, Body(frame));
    if (!request.ok()) return request.status();
    return IncomingFrame(
        RequestFrame{.number = header->number, .request = *std::move(request)});
  }
  return absl::InvalidArgumentError("only a coordinator may say this");
}

absl::StatusOr<CoordinatorFrame> DecodeCoordinator(std::string_view frame) {
  const absl::StatusOr<FrameHeader> header = DecodeReadableHeader(frame);
  if (!header.ok()) return header.status();
  if (header->kind != FrameKind::kCoordinator) {
    return absl::InvalidArgumentError("not a coordinator's word to an agent");
  }
  auto message =
      ParseCoordinatorBody(header->type, header->number, Body(frame));
  if (!message.ok()) return message.status();
  CoordinatorFrame out{.term = header->term,
                       .session = header->session,
                       .message = *std::move(message)};
  if (auto* welcome = std::get_if<Welcome>(&out.message)) {
    welcome->term = out.term;
    welcome->session = out.session;
  }
  return out;
}

absl::StatusOr<ReplyFrame> DecodeReply(std::string_view frame) {
  const absl::StatusOr<FrameHeader> header = DecodeReadableHeader(frame);
  if (!header.ok()) return header.status();
  if (header->kind != FrameKind::kReply) {
    return absl::InvalidArgumentError("not a reply to a client");
  }
  auto reply = ParseReplyBody(header->type, Body(frame));
  if (!reply.ok()) return reply.status();
  return ReplyFrame{.number = header->number, .reply = *std::move(reply)};
}

std::string_view FrameTypeName(uint8_t type) {
  static constexpr std::array<std::string_view, 6> kAgent = {
      "hello", "heartbeat", "results", "log_chunk", "goodbye", "findings"};
  static constexpr std::array<std::string_view, 6> kCoordinator = {
      "welcome", "refusal",    "heartbeat_ack",
      "grant",   "stop_tasks", "results_ack"};
  static constexpr std::array<std::string_view, 10> kRequest = {
      "upload_items", "submit",   "cancel_job", "get_jobs", "watch_jobs",
      "get_results",  "get_logs", "get_agents", "get_info", "get_verdicts"};
  static constexpr std::array<std::string_view, 10> kReply = {
      "upload_accepted", "accepted", "cancel_reply",    "job_summaries",
      "result_page",     "log_page", "agent_summaries", "info",
      "request_error",   "verdicts"};
  static_assert(kAgent.size() == std::variant_size_v<AgentMessage> &&
                kCoordinator.size() ==
                    std::variant_size_v<CoordinatorMessage> &&
                kRequest.size() == std::variant_size_v<ClientRequest> &&
                kReply.size() == std::variant_size_v<ClientReply>);
  const auto name = [type](const auto& names, uint8_t base) {
    const size_t index = size_t{type} - base;
    return index < names.size() ? names[index] : std::string_view("unknown");
  };
  if (type >= kEnd || type < kAgentBase) return "unknown";
  if (type >= kReplyBase) return name(kReply, kReplyBase);
  if (type >= kRequestBase) return name(kRequest, kRequestBase);
  if (type >= kCoordinatorBase) return name(kCoordinator, kCoordinatorBase);
  return name(kAgent, kAgentBase);
}

}  // namespace remuda
