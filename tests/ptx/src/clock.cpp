#include "clock.h"

#include <algorithm>

namespace ptx
{

static std::vector<Known>::const_iterator place_of(const std::vector<Known> &list, uint32_t item)
{
    return std::lower_bound(
        list.begin(), list.end(), item,
        [](const Known &known, uint32_t wanted) { return known.item < wanted; });
}

uint32_t time_of(const std::vector<Known> &list, uint32_t item)
{
    auto at = place_of(list, item);
    return at != list.end() && at->item == item ? at->time : 0;
}

static void know(std::vector<Known> *list, uint32_t item, uint32_t time)
{
    auto at = place_of(*list, item);
    if (at == list->end() || at->item != item)
        list->insert(at, {item, time});
    else
        (*list)[static_cast<size_t>(at - list->begin())].time = std::max(at->time, time);
}

void Clock::know_block(uint32_t block, uint32_t time)
{
    if (blocks.size() <= block)
        blocks.resize(block + 1);
    blocks[block] = std::max(blocks[block], time);
}

void Clock::know_warp(uint32_t first_thread, uint32_t time)
{
    know(&warps, first_thread, time);
}

void Clock::know_thread(uint32_t thread, uint32_t time)
{
    know(&threads, thread, time);
}

static void join_lists(std::vector<Known> *list, const std::vector<Known> &other)
{
    /* Nearly always the list has all items already. */
    auto a = list->begin();
    bool has_all = true;
    for (const Known &known : other) {
        while (a != list->end() && a->item < known.item)
            ++a;
        has_all = a != list->end() && a->item == known.item;
        if (!has_all)
            break;
        a->time = std::max(a->time, known.time);
    }
    if (has_all)
        return;
    std::vector<Known> both;
    both.reserve(list->size() + other.size());
    a = list->begin();
    for (const Known &known : other) {
        for (; a != list->end() && a->item < known.item; ++a)
            both.push_back(*a);
        if (a != list->end() && a->item == known.item)
            both.push_back({known.item, std::max(known.time, a++->time)});
        else
            both.push_back(known);
    }
    both.insert(both.end(), a, list->end());
    *list = std::move(both);
}

void Clock::join(const Clock &other)
{
    if (is_empty()) {
        *this = other;
        return;
    }
    if (blocks.size() < other.blocks.size())
        blocks.resize(other.blocks.size());
    for (size_t i = 0; i < other.blocks.size(); i++)
        blocks[i] = std::max(blocks[i], other.blocks[i]);
    join_lists(&warps, other.warps);
    join_lists(&threads, other.threads);
}

} // namespace ptx
