#include "jobs/spec_needs.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <string>
#include <vector>

namespace remuda {
namespace {

struct Needing {
  std::string name;
  const YamlNode* key = nullptr;  // `needs` itself; null if there is none
  std::vector<std::string> needed;
};

Needing ReadDocument(const SpecContext& context, const YamlNode& document) {
  Needing job;
  const YamlNode* name =
      context.Find(context.Find(&document, "metadata"), "name");
  if (name != nullptr) job.name = name->text;
  const YamlNode* spec = context.Find(&document, "spec");
  job.key = context.FindKey(spec, "needs");
  const YamlNode* needs = context.Find(spec, "needs");
  if (needs == nullptr) return job;
  std::vector<const YamlNode*> entries;
  if (needs->kind == YamlNode::Kind::kList) {
    for (const YamlIndex index : needs->children) {
      entries.push_back(&context.node(index));
    }
  } else {
    entries.push_back(needs);
  }
  for (const YamlNode* entry : entries) {
    const YamlNode* named = entry->kind == YamlNode::Kind::kMap
                                ? context.Find(entry, "job")
                                : entry;
    if (named != nullptr) job.needed.push_back(named->text);
  }
  return job;
}

// The first circle that a walk from `start` closes, as positions in `jobs`;
// empty if there is none. A stack of its own, because a chain is as long as
// the file likes.
std::vector<size_t> FindCircle(const std::vector<Needing>& jobs,
                               const std::map<std::string, size_t>& by_name,
                               size_t start) {
  struct Step {
    size_t job;
    size_t next = 0;  // of `needed`
  };
  std::vector<Step> path = {{start, 0}};
  std::vector<bool> seen(jobs.size(), false);
  seen[start] = true;
  while (!path.empty()) {
    Step& step = path.back();
    const std::vector<std::string>& needed = jobs[step.job].needed;
    if (step.next == needed.size()) {
      path.pop_back();
      continue;
    }
    const auto found = by_name.find(needed[step.next++]);
    if (found == by_name.end()) continue;
    if (found->second == start) {
      std::vector<size_t> circle;
      for (const Step& each : path) circle.push_back(each.job);
      return circle;
    }
    if (seen[found->second]) continue;
    seen[found->second] = true;
    path.push_back({found->second, 0});
  }
  return {};
}

}  // namespace

void CheckNeeds(SpecContext& context) {
  std::vector<Needing> jobs;
  std::map<std::string, size_t> by_name;
  for (const YamlIndex index : context.tree().documents) {
    jobs.push_back(ReadDocument(context, context.node(index)));
    by_name.emplace(jobs.back().name, jobs.size() - 1);
  }
  std::vector<bool> told(jobs.size(), false);
  for (size_t i = 0; i < jobs.size(); ++i) {
    if (jobs[i].key == nullptr || told[i]) continue;
    const std::vector<size_t> circle = FindCircle(jobs, by_name, i);
    if (circle.empty()) continue;
    std::string names;
    for (const size_t job : circle) {
      told[job] = true;
      names += Quote(jobs[job].name) + " -> ";
    }
    context.Report(*jobs[i].key, "jobs need each other in a circle: " + names +
                                     Quote(jobs[i].name) +
                                     "; take one of these 'needs' out");
  }
  for (size_t i = 0; i < jobs.size(); ++i) {
    if (jobs[i].key == nullptr || told[i]) continue;
    context.Report(*jobs[i].key, "'needs' is not supported yet; take it out");
  }
}

}  // namespace remuda
