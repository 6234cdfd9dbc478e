#include <cstddef>
#include <cstdint>
#include <string>

#include "wire/codec.h"

// What decodes must encode again to something that decodes. The input is a type
// and a body; the header around them is good, since a wrong one ends the
// matter.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace remuda;  // NOLINT: the entry point has C linkage
  if (size == 0) return 0;
  std::string frame = EncodeAgent(Goodbye{}, Term{1}, SessionId{2});
  frame.append(reinterpret_cast<const char*>(data) + 1, size - 1);
  frame[6] = static_cast<char>(data[0]);
  for (size_t i = 0; i < 4; ++i) {
    frame[8 + i] = static_cast<char>(((size - 1) >> (8 * i)) & 0xff);
  }
  const auto check = [](bool holds) {
    if (!holds) __builtin_trap();
  };
  if (auto incoming = DecodeIncoming(frame); incoming.ok()) {
    if (const auto* agent = std::get_if<AgentFrame>(&*incoming)) {
      check(DecodeIncoming(
                EncodeAgent(agent->message, agent->term, agent->session))
                .ok());
    } else {
      const auto& request = std::get<RequestFrame>(*incoming);
      check(
          DecodeIncoming(EncodeRequest(request.request, request.number)).ok());
    }
  }
  if (auto message = DecodeCoordinator(frame); message.ok()) {
    check(DecodeCoordinator(EncodeCoordinator(message->message, message->term,
                                              message->session))
              .ok());
  }
  if (auto reply = DecodeReply(frame); reply.ok()) {
    check(DecodeReply(EncodeReply(reply->reply, reply->number)).ok());
  }
  return 0;
}
