#include "coordinator/server/key_sessions.h"

#include <algorithm>

namespace remuda {

KeySessions::Answer KeySessions::Open(Peer peer, const AllowEntry& entry,
                                      Hello& hello,
                                      const IsConnected& is_connected) {
  const std::string& key = entry.identity.name;
  hello.name = entry.sessions == 1 ? key : key + "/" + hello.name;
  // An instance belongs to its key, so that nobody can take over what an agent
  // with another key holds.
  if (!hello.instance.empty()) hello.instance = key + "/" + hello.instance;

  Close(peer);
  std::vector<Live>& live = by_key_[key];
  Answer answer;
  std::erase_if(live, [&](const Live& other) {
    // The same agent over a new connection; the core takes it as such.
    const bool resumes = other.instance == hello.instance;
    const bool ended = !resumes && !is_connected(other.peer);
    if (ended) answer.over.push_back(other.peer);
    if (resumes || ended) key_of_.erase(other.peer);
    return resumes || ended;
  });
  if (live.size() >= entry.sessions) {
    ++refused_;
    answer.refusal = "the key \"" + key + "\" is in use by " +
                     std::to_string(live.size()) +
                     (live.size() == 1 ? " agent" : " agents") +
                     ", as many as its entry allows at once; make another "
                     "key, or one with more --sessions";
    return answer;
  }
  live.push_back({.peer = peer, .instance = hello.instance});
  key_of_[peer] = key;
  return answer;
}

void KeySessions::Close(Peer peer) {
  const auto found = key_of_.find(peer);
  if (found == key_of_.end()) return;
  const auto live = by_key_.find(found->second);
  std::erase_if(live->second,
                [&](const Live& other) { return other.peer == peer; });
  if (live->second.empty()) by_key_.erase(live);
  key_of_.erase(found);
}

}  // namespace remuda
