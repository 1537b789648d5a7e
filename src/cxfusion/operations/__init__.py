"""The diagnostic approach: what happened on the contacts, from the whole log."""

from cxfusion.operations.change import Change, what_changed
from cxfusion.operations.control_chart import ControlChart, control_chart
from cxfusion.operations.diagnose import Diagnosis, diagnose
from cxfusion.operations.episodes import EpisodePlan, recontacts, with_episodes, with_history
from cxfusion.operations.follow import FollowUps, follow
from cxfusion.operations.legs import per_leg
from cxfusion.operations.metrics import METRICS, Metric
from cxfusion.operations.occupancy import Occupancy, occupancy
from cxfusion.operations.ranking import Ranking, rank_groups
from cxfusion.operations.staffing import Staffing, required_agents, staffing

__all__ = [
    "METRICS",
    "Change",
    "ControlChart",
    "Diagnosis",
    "EpisodePlan",
    "FollowUps",
    "Metric",
    "Occupancy",
    "Ranking",
    "Staffing",
    "control_chart",
    "diagnose",
    "follow",
    "occupancy",
    "per_leg",
    "rank_groups",
    "recontacts",
    "required_agents",
    "staffing",
    "what_changed",
    "with_episodes",
    "with_history",
]
