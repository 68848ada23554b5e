//! Compares what was delivered with what had to be.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

/// What an event tells: two events that tell the same are one too many.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Happening {
    /// The order.
    pub order: i64,
    /// Which save it was.
    pub revision: i64,
    /// The event's topic.
    pub topic: String,
    /// The rest of what it tells.
    pub detail: String,
}

/// An event that has to be there.
#[derive(Debug, Clone)]
pub struct Due {
    /// When it happened: for each order in the order of the commits.
    pub seq: i64,
    /// What it tells.
    pub happening: Happening,
}

/// An event that arrived.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Its id, by which an event that arrives again is known.
    pub event: Uuid,
    /// What it tells.
    pub happening: Happening,
}

/// What is wrong, and what is merely to be counted.
#[derive(Debug, Default)]
pub struct Verdict {
    /// Had to be there and are not.
    pub missing: Vec<Due>,
    /// Are there and had not to be: they tell what did not happen, or tell it under a second id.
    pub extra: Vec<Delivery>,
    /// Arrived, for the first time, after a later event of the same order.
    pub out_of_order: Vec<Delivery>,
    /// Arrived again under the same id, which is allowed.
    pub duplicates: usize,
}

impl Verdict {
    /// Compares; `deliveries` in the order of their arrival.
    pub fn of(due: &[Due], deliveries: &[Delivery]) -> Self {
        let seqs: HashMap<_, _> = due.iter().map(|due| (&due.happening, due.seq)).collect();
        let mut verdict = Self::default();
        let mut told: HashSet<&Happening> = HashSet::new();
        let mut ids: HashMap<Uuid, &Happening> = HashMap::new();
        let mut latest: HashMap<i64, i64> = HashMap::new();
        for delivery in deliveries {
            let happening = &delivery.happening;
            if ids.get(&delivery.event) == Some(&happening) {
                verdict.duplicates += 1;
                continue;
            }
            ids.insert(delivery.event, happening);
            match seqs.get(happening) {
                Some(seq) if told.insert(happening) => {
                    let latest = latest.entry(happening.order).or_insert(*seq);
                    if *seq < *latest {
                        verdict.out_of_order.push(delivery.clone());
                    }
                    *latest = (*latest).max(*seq);
                }
                _ => verdict.extra.push(delivery.clone()),
            }
        }
        let missing = due.iter().filter(|due| !told.contains(&due.happening));
        verdict.missing.extend(missing.cloned());
        verdict
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn happening(order: i64, seq: i64) -> Happening {
        Happening {
            order,
            revision: seq * 10,
            topic: "soak.moved".to_owned(),
            detail: String::new(),
        }
    }

    /// Events of order 1 with odd, of order 2 with even numbers.
    fn due(seqs: impl IntoIterator<Item = i64>) -> Vec<Due> {
        let due = seqs.into_iter().map(|seq| Due {
            seq,
            happening: happening(2 - seq % 2, seq),
        });
        due.collect()
    }

    fn delivered(events: &[(u128, i64)]) -> Vec<Delivery> {
        let delivered = events.iter().map(|(event, seq)| Delivery {
            event: Uuid::from_u128(*event),
            happening: happening(2 - seq % 2, *seq),
        });
        delivered.collect()
    }

    /// How many are missing, extra, out of order, and duplicates.
    fn counts(due: &[Due], deliveries: &[Delivery]) -> (usize, usize, usize, usize) {
        let verdict = Verdict::of(due, deliveries);
        (
            verdict.missing.len(),
            verdict.extra.len(),
            verdict.out_of_order.len(),
            verdict.duplicates,
        )
    }

    #[test]
    fn only_the_order_within_a_row_counts() {
        let deliveries = delivered(&[(2, 2), (1, 1), (4, 4), (3, 3)]);
        assert_eq!(counts(&due(1..=4), &deliveries), (0, 0, 0, 0));
    }

    #[test]
    fn a_missing_event_is_seen() {
        let deliveries = delivered(&[(1, 1), (3, 3)]);
        assert_eq!(counts(&due(1..=3), &deliveries), (1, 0, 0, 0));
    }

    #[test]
    fn an_event_of_what_did_not_happen_is_seen() {
        let deliveries = delivered(&[(1, 1), (2, 2), (5, 5)]);
        assert_eq!(counts(&due(1..=2), &deliveries), (0, 1, 0, 0));
    }

    #[test]
    fn the_same_under_a_second_id_is_one_too_many() {
        let deliveries = delivered(&[(1, 1), (9, 1)]);
        assert_eq!(counts(&due([1]), &deliveries), (0, 1, 0, 0));
    }

    #[test]
    fn the_same_id_for_something_else_is_no_repetition() {
        let deliveries = delivered(&[(1, 1), (1, 2)]);
        assert_eq!(counts(&due([1]), &deliveries), (0, 1, 0, 0));
    }

    #[test]
    fn events_of_a_row_that_swapped_places_are_seen() {
        let deliveries = delivered(&[(3, 3), (1, 1), (5, 5)]);
        assert_eq!(counts(&due([1, 3, 5]), &deliveries), (0, 0, 1, 0));
    }

    #[test]
    fn an_event_may_arrive_again() {
        let deliveries = delivered(&[(1, 1), (3, 3), (1, 1), (3, 3)]);
        assert_eq!(counts(&due([1, 3]), &deliveries), (0, 0, 0, 2));
    }
}
