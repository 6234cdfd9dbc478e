#include "jobs/verdict/verdict_words.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace remuda {
namespace {

// snprintf with a buffer that all of these fit into.
template <typename... Args>
std::string Print(const char* format, Args... args) {
  char text[64];
  std::snprintf(text, sizeof(text), format, args...);
  return text;
}

std::string Percent(double share) {
  return Print("%.0f%%", std::clamp(share, 0.0, 99.99) * 100);
}

std::string Number(double number) {
  if (number >= 100) return Print("%.0f", number);
  if (number >= 10 || std::abs(number - std::round(number)) < 0.05) {
    return Print("%.0f", number);
  }
  return Print("%.1f", number);
}

std::string Cores(double cores) {
  return Print("%.2f", cores) +
         (cores > 0.995 && cores < 1.005 ? " core" : " cores");
}

std::string Time(RealSeconds seconds) {
  const double count = seconds.count();
  if (count < 1e-3) return Print("%.0f us", count * 1e6);
  if (count < 1) return Print("%.1f ms", count * 1e3);
  return Print("%.1f s", count);
}

std::string Gigabytes(double bytes) { return Print("%.1f", bytes / (1 << 30)); }

std::string Multiple(double gain) {
  if (gain >= 100) return Print("%.0f", std::round(gain / 10) * 10);
  if (gain >= 10) return Print("%.0f", gain);
  if (gain >= 1.2) return Print("%.1f", gain);
  return Print("%.2f", gain);
}

// What the evidence says of how it ran.
std::string EvidenceText(const WorkToJudge& work, const Measures& measures) {
  std::string text = Number(measures.at_once) + " at once do the work of " +
                     Cores(measures.cores_used) + " (" +
                     Percent(measures.cpu.value_or(0)) + " CPU";
  if (measures.lock) {
    text += *measures.lock < 0.02
                ? ", no wait for Python's lock"
                : ", " + Percent(*measures.lock) + " wait for Python's lock";
  }
  if (measures.held) {
    text += ", Python's lock kept " + Percent(*measures.held);
  }
  if (measures.queue.value_or(0) >= 0.05) {
    text += ", " + Percent(*measures.queue) + " ready without a core";
  }
  if (measures.turn.value_or(0) >= 0.05) {
    text +=
        ", " + Percent(*measures.turn) + " ready before its turn on the loop";
  }
  if (measures.other.value_or(0) >= 0.05) {
    const bool may_be_turn =
        work.executor == ExecutorKind::kAsync && !measures.turn;
    text += ", " + Percent(*measures.other) +
            (may_be_turn ? " other waiting, its turn on the loop included"
                         : " other waiting");
  }
  return text + ")";
}

// Of those that fit the agent, if any does.
const Prediction* BestOf(const Verdict& verdict) {
  const auto best =
      std::max_element(verdict.predictions.begin(), verdict.predictions.end(),
                       [](const Prediction& a, const Prediction& b) {
                         if (a.fits != b.fits) return b.fits;
                         return a.gain.middle < b.gain.middle;
                       });
  return best == verdict.predictions.end() ? nullptr : &*best;
}

std::string Named(ExecutorKind kind) { return std::string(Name(kind)); }

std::string MoveText(const WorkToJudge& work, const Verdict& verdict) {
  std::string text =
      Named(*verdict.best) + " predicted " + GainText(verdict.gain);
  if (verdict.bound == Bound::kWaits) text += " if what it waits for keeps up";
  return text + ": set `executor: " + Named(*verdict.best) + "`" +
         (work.concurrency > 0 && verdict.bound == Bound::kWaits
              ? " and look at `concurrency`"
              : "");
}

std::string StayText(const Verdict& verdict) {
  const Prediction* best = BestOf(verdict);
  if (best == nullptr) return "it can run on no other executor: stay";
  const std::string text =
      Named(best->executor) + " predicted " + GainText(best->gain);
  if (!best->fits) return text + ", which would not fit the memory: stay";
  if (!verdict.leaning) return text + ": stay";
  return text + ": a little better, if that is worth a change";
}

std::string BatchText(const WorkToJudge& work, const Verdict& verdict) {
  return "tasks of " + Time(verdict.alone) + " each keep a core for " +
         Time(verdict.kept) + "; tasks that do the work of about " +
         std::to_string(verdict.batch_tasks) + " predicted " +
         GainText(verdict.gain) + ": give each task more to do" +
         (work.is_python ? ", as a list of items" : "");
}

}  // namespace

std::string GainText(const Interval& gain) {
  return Multiple(gain.middle) + "x (" + Multiple(gain.low) + " to " +
         Multiple(gain.high) + ")";
}

std::string VerdictSentence(const std::string& name, const WorkToJudge& work,
                            const Verdict& verdict) {
  const Measures& measures = verdict.measures;
  const std::string start = "`" + name + "` on " + Named(work.executor) + ": ";
  const std::string evidence = EvidenceText(work, measures);
  switch (verdict.code) {
    case VerdictCode::kMove:
      return start + evidence + "; " + MoveText(work, verdict) + ".";
    case VerdictCode::kStay:
      return start + evidence + "; " + StayText(verdict) + ".";
    case VerdictCode::kUndecided: {
      const Prediction* best = BestOf(verdict);
      return start + evidence + "; " + Named(best->executor) + " predicted " +
             GainText(best->gain) +
             ": what is known allows either; `remuda try` measures it.";
    }
    case VerdictCode::kBatch:
      return start + BatchText(work, verdict) + ".";
    case VerdictCode::kMoreCpus: {
      const auto cpus = static_cast<int>(std::ceil(verdict.cpus_used - 0.3));
      return start + "each task keeps " + Cores(verdict.cpus_used) +
             " busy and asks for " + std::to_string(work.cpus_each) +
             ": set `resources: {cpu: " + std::to_string(std::max(cpus, 2)) +
             "}`, or leave it one thread.";
    }
    case VerdictCode::kTooFew:
      return start + Number(measures.attempts) + " attempts of " +
             Time(work.evidence.wall) + " in all; a verdict needs " +
             Number(kAttemptsToJudgeMin) + " of " + Time(kTimeToJudgeMin) + ".";
    case VerdictCode::kCpuUnknown:
      return start +
             "its attempts do not say what they computed, so waiting and "
             "computing look alike: no verdict.";
    case VerdictCode::kTooLittleToDo:
      return start + Number(measures.at_once) + " at once, where " +
             Number(measures.at_once_max) +
             " might be: too little to do at once to compare executors.";
  }
  return start;
}

std::string AdviceSentence(Advice advice, const WorkToJudge& work,
                           const Verdict& verdict) {
  const Measures& measures = verdict.measures;
  switch (advice) {
    case Advice::kMoreAtOnce:
      return "All " + std::to_string(work.concurrency) +
             " that `concurrency` allows wait most of the time: a higher one "
             "does more, as long as what they wait for keeps up.";
    case Advice::kLessAtOnce:
      return "The cores are busy: " + std::to_string(verdict.enough_at_once) +
             " at once would do the same with less memory.";
    case Advice::kOffload:
      return "The event loop computes nearly all the time, " +
             Time(*measures.cpu * measures.mean) +
             " a task: hand that to `remuda.offload(..., to=\"process\")`, or "
             "make it faster.";
    case Advice::kBlocks:
      return "A call blocks the event loop: see its finding.";
    case Advice::kMemory: {
      const auto one =
          std::find_if(verdict.predictions.begin(), verdict.predictions.end(),
                       [](const Prediction& each) { return !each.fits; });
      if (one == verdict.predictions.end()) return "";
      return Named(one->executor) + " would be faster and hold " +
             Gigabytes(one->memory_bytes.middle) + " GiB, of the " +
             Gigabytes(work.evidence.agent_memory_bytes) +
             " GiB that the agent may: fewer slots or a lower `concurrency` "
             "would fit.";
    }
    case Advice::kMakeFaster:
      return "The cores are busy computing, " +
             Time(*measures.cpu * measures.mean) +
             " a task: only faster code or more cores would help.";
  }
  return "";
}

}  // namespace remuda
