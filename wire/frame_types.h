#pragma once

#include <cstdint>
#include <string_view>
#include <type_traits>
#include <variant>

#include "wire/client_messages.h"
#include "wire/messages.h"

namespace remuda::frame_types {

// The numbers of docs/WIRE.md. A kind's numbers are those from its base on, in
// the order of its variant: alternatives are only ever added at the end.
inline constexpr uint8_t kAgentBase = 1;
inline constexpr uint8_t kCoordinatorBase = 32;
inline constexpr uint8_t kRequestBase = 64;
inline constexpr uint8_t kReplyBase = 96;
inline constexpr uint8_t kEnd = 128;

template <typename Variant>
struct BaseOf;
template <>
struct BaseOf<AgentMessage> {
  static constexpr uint8_t kValue = kAgentBase;
};
template <>
struct BaseOf<CoordinatorMessage> {
  static constexpr uint8_t kValue = kCoordinatorBase;
};
template <>
struct BaseOf<ClientRequest> {
  static constexpr uint8_t kValue = kRequestBase;
};
template <>
struct BaseOf<ClientReply> {
  static constexpr uint8_t kValue = kReplyBase;
};

template <typename Variant>
uint8_t TypeOf(const Variant& message) {
  return static_cast<uint8_t>(BaseOf<Variant>::kValue + message.index());
}

// The types whose body stays readable in every version, since they are what
// tells a peer that its version is not understood.
inline constexpr uint8_t kRefusal = kCoordinatorBase + 1;
inline constexpr uint8_t kRequestError = kReplyBase + 8;

static_assert(
    std::is_same_v<std::variant_alternative_t<1, CoordinatorMessage>, Refusal>);
static_assert(
    std::is_same_v<std::variant_alternative_t<8, ClientReply>, RequestError>);

}  // namespace remuda::frame_types
